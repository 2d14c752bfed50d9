#!/bin/bash
# Forty kubectl commands against one API server: kubectl-40.sh KUBECTL KUBECONFIG
# Prints each command, its answer and its exit code; what differs by nature (ages, uids, times) is left out of the answers.
set -u
kubectl=$1
export KUBECONFIG=$2
number=0

run() {
    number=$((number + 1))
    echo "## $number: $*"
    "$kubectl" --request-timeout=20s "$@" 2>&1
    echo "exit $?"
}

# Like `run`, with a manifest on standard input.
feed() {
    local manifest=$1
    shift
    number=$((number + 1))
    echo "## $number: $*"
    printf '%s\n' "$manifest" | "$kubectl" --request-timeout=20s "$@" 2>&1
    echo "exit $?"
}

map='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied","namespace":"forty"},"data":{"a":"1"}}'
changed='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied","namespace":"forty"},"data":{"a":"2","b":"3"}}'
broken='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Not_A_Name","namespace":"forty"}}'
pod='{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"forty"},"spec":{"serviceAccountName":"robot","automountServiceAccountToken":false,"containers":[{"name":"c","image":"pause"}]}}'
crd='{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"forties.test.example.com"},"spec":{"group":"test.example.com","scope":"Namespaced","names":{"plural":"forties","singular":"forty","kind":"Forty"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}}}]}}'
custom='{"apiVersion":"test.example.com/v1","kind":"Forty","metadata":{"name":"one","namespace":"forty"},"spec":{"size":1}}'

run create namespace forty
run get namespace forty -o 'jsonpath={.metadata.name} {.status.phase}{"\n"}'
run create namespace forty
run -n forty create configmap c1 --from-literal=k=v
run -n forty get configmap c1 -o 'jsonpath={.data}{"\n"}'
run -n forty create configmap c1 --from-literal=k=other
run -n forty create secret generic s1 --from-literal=password=hunter2
run -n forty get secret s1 -o 'jsonpath={.data.password}{"\n"}'
feed "$map" apply -f -
feed "$map" apply -f -
feed "$changed" apply -f -
run -n forty get configmap applied -o 'jsonpath={.data}{"\n"}'
feed "$map" apply --server-side --force-conflicts -f -
feed "$broken" apply -f -
run -n forty label configmap c1 tier=one
run -n forty get configmap -l tier=one -o name
run -n forty get configmap -l tier!=one --field-selector metadata.name=applied -o name
run -n forty annotate configmap c1 note=hello
run -n forty patch configmap c1 --type merge -p '{"data":{"k":"patched"}}'
run -n forty patch configmap c1 --type json -p '[{"op":"add","path":"/data/j","value":"1"}]'
run -n forty patch configmap c1 --type json -p '[{"op":"test","path":"/data/j","value":"2"}]'
run -n forty get configmap c1 -o 'jsonpath={.data.k} {.data.j}{"\n"}'
run -n forty create serviceaccount robot
feed "$pod" create -f -
run -n forty get pod p -o 'jsonpath={.status.phase} {.status.qosClass}{"\n"}'
run -n forty delete pod p --now
run -n forty create deployment d --image=pause --replicas=2
run -n forty scale deployment d --replicas=3
run -n forty get deployment d -o 'jsonpath={.spec.replicas} {.metadata.generation}{"\n"}'
run -n forty create service clusterip svc --tcp=80:8080
run -n forty get service svc -o 'jsonpath={.spec.type} {.spec.ports[0].targetPort}{"\n"}'
run -n forty create role reader --verb=get,list --resource=configmaps
run -n forty create rolebinding robots --role=reader --serviceaccount=forty:robot
run -n forty auth can-i list configmaps --as system:serviceaccount:forty:robot
feed "$crd" apply -f -
run wait --for=condition=Established crd/forties.test.example.com --timeout=20s
feed "$custom" apply -f -
run -n forty get forties one -o 'jsonpath={.spec.size}{"\n"}'
run -n forty delete configmap,secret,deployment,service --all --wait=false
run -n forty get configmap c1
