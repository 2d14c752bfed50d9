use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(16)).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}

fn decoded(decoder: &mut Decoder, block: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    assert!(decoder.decode(&hex(block), &mut fields), "{block}");
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

const FIRST: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];

#[test]
fn requests_of_the_specification_are_decoded_with_the_table_that_they_build() {
    // RFC 7541, C.4: with Huffman codes.
    let mut decoder = Decoder::default();
    let first = decoded(&mut decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff");
    assert_eq!(first, pairs(&FIRST));
    let second = decoded(&mut decoder, "828684be5886a8eb10649cbf");
    let mut expected = FIRST.to_vec();
    expected.push(("cache-control", "no-cache"));
    assert_eq!(second, pairs(&expected));
    let third = decoded(
        &mut decoder,
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    );
    let expected = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    assert_eq!(third, pairs(&expected));
}

#[test]
fn plain_text_is_decoded_as_well() {
    // RFC 7541, C.3.1.
    let mut decoder = Decoder::default();
    let block = "828684410f7777772e6578616d706c652e636f6d";
    assert_eq!(decoded(&mut decoder, block), pairs(&FIRST));
}

#[test]
fn fields_leave_the_table_when_it_becomes_smaller() {
    let mut decoder = Decoder::default();
    decoded(&mut decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff");
    assert_eq!(decoded(&mut decoder, "be").len(), 1);
    assert!(decoded(&mut decoder, "20").is_empty());
    assert!(!decoder.decode(&hex("be"), &mut Vec::new()));
}

#[test]
fn every_byte_survives_the_codes_that_stand_for_it() {
    // The longest code of all, of thirty ones, ends text and may not be in it.
    assert!(huffman::decode(&[0xff; 4]).is_none());
    // Zeros are the code of `0`; seven bits of padding are ones.
    assert_eq!(huffman::decode(&[0x07]).unwrap(), b"0");
    assert!(huffman::decode(&[0x00]).is_none());
}

#[test]
fn blocks_that_end_too_early_or_name_nothing_are_refused() {
    for block in [
        "c0",
        "80",
        "40",
        "4003",
        "7f",
        "7fffffffffff",
        "3fe21f",
        "418c",
    ] {
        let mut decoder = Decoder::default();
        assert!(!decoder.decode(&hex(block), &mut Vec::new()), "{block}");
    }
}

#[test]
fn what_is_encoded_is_decoded_to_the_same() {
    let mut headers = HeaderMap::new();
    let long = "x".repeat(300);
    headers.insert("grpc-message", long.parse().unwrap());
    let block = encode(Some(http::StatusCode::OK), &headers);
    let mut fields = Vec::new();
    assert!(Decoder::default().decode(&block, &mut fields));
    assert_eq!(fields[0], (":status".into(), "200".into()));
    assert_eq!(fields[1], ("grpc-message".into(), long.into()));
}
