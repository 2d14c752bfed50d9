//! A set of paths into an object, and its algebra.
//!
//! The set is a tree, each level sorted. A step is a member if the path that ends there is in the
//! set; its children are the longer paths. A node is a member, or has children, or both.

use super::element::PathElement;

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub(super) nodes: Vec<Node>,
}

/// A step, and all paths of the set that begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) element: PathElement,
    pub(super) member: bool,
    pub(super) children: FieldSet,
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl FieldSet {
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of paths that go through fields only: `&[&["metadata", "labels"], &["status"]]`.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|it| PathElement::field(*it)).collect();
            set.insert(&path);
        }
        set
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of paths.
    pub fn len(&self) -> usize {
        let of = |node: &Node| usize::from(node.member) + node.children.len();
        self.nodes.iter().map(of).sum()
    }

    /// Adds a path. The object as a whole has no path, so the empty one is ignored.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut set = self;
        for element in parents {
            set = &mut set.node(element).children;
        }
        set.node(last).member = true;
    }

    /// The node of an element, made if it is not there.
    pub(super) fn node(&mut self, element: &PathElement) -> &mut Node {
        let place = match self.place(element) {
            Ok(place) => place,
            Err(place) => {
                let node = Node {
                    element: element.clone(),
                    member: false,
                    children: Self::new(),
                };
                self.nodes.insert(place, node);
                place
            }
        };
        &mut self.nodes[place]
    }

    fn place(&self, element: &PathElement) -> Result<usize, usize> {
        // Most sets are built in order.
        match self.nodes.last() {
            Some(last) if last.element < *element => Err(self.nodes.len()),
            _ => self
                .nodes
                .binary_search_by(|node| node.element.cmp(element)),
        }
    }

    pub(super) fn get(&self, element: &PathElement) -> Option<&Node> {
        self.place(element).ok().map(|place| &self.nodes[place])
    }

    pub fn contains(&self, path: &[PathElement]) -> bool {
        let Some((last, parents)) = path.split_last() else {
            return false;
        };
        let mut set = self;
        for element in parents {
            match set.get(element) {
                Some(node) => set = &node.children,
                None => return false,
            }
        }
        set.get(last).is_some_and(|node| node.member)
    }

    /// Calls with every path: at each level the members first, then what is below.
    pub fn for_each(&self, mut visit: impl FnMut(&[PathElement])) {
        self.walk(&mut Vec::new(), &mut visit);
    }

    fn walk(&self, path: &mut Vec<PathElement>, visit: &mut impl FnMut(&[PathElement])) {
        for node in self.nodes.iter().filter(|node| node.member) {
            path.push(node.element.clone());
            visit(path);
            path.pop();
        }
        for node in &self.nodes {
            path.push(node.element.clone());
            node.children.walk(path, visit);
            path.pop();
        }
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        let mut out = Self {
            nodes: Vec::with_capacity(self.nodes.len().max(other.nodes.len())),
        };
        let mut others = other.nodes.into_iter().peekable();
        for mut node in self.nodes {
            while let Some(other) = others.next_if(|other| other.element < node.element) {
                out.nodes.push(other);
            }
            if let Some(other) = others.next_if(|other| other.element == node.element) {
                node.member |= other.member;
                node.children = node.children.union(other.children);
            }
            out.nodes.push(node);
        }
        out.nodes.extend(others);
        out
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let nodes = self.nodes.iter().filter_map(|node| {
            let other = other.get(&node.element)?;
            let both = Node {
                element: node.element.clone(),
                member: node.member && other.member,
                children: node.children.intersection(&other.children),
            };
            (!both.is_empty()).then_some(both)
        });
        Self {
            nodes: nodes.collect(),
        }
    }

    /// What is not in the other set, path by path.
    #[must_use]
    pub fn difference(self, other: &Self) -> Self {
        self.minus(other, false)
    }

    /// What is neither in the other set nor below one of its paths.
    #[must_use]
    pub fn recursive_difference(self, other: &Self) -> Self {
        self.minus(other, true)
    }

    fn minus(mut self, other: &Self, recursive: bool) -> Self {
        if other.is_empty() {
            return self;
        }
        self.nodes.retain_mut(|node| {
            let Some(other) = other.get(&node.element) else {
                return true;
            };
            if other.member && recursive {
                return false;
            }
            node.member &= !other.member;
            let children = std::mem::take(&mut node.children);
            node.children = children.minus(&other.children, recursive);
            !node.is_empty()
        });
        self
    }

    /// The paths that no other path of the set goes beyond.
    #[must_use]
    pub fn leaves(mut self) -> Self {
        for node in &mut self.nodes {
            node.member &= node.children.is_empty();
            node.children = std::mem::take(&mut node.children).leaves();
        }
        self
    }
}
