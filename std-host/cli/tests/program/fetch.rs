//! `wta data --fetch`, from a server on this machine. What a download does in detail is tested in
//! `src/fetch`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::support::{Folder, wta};

/// A server that answers every address with the same bytes; its address.
fn server(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/sets/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
        }
    });
    url
}

#[test]
fn a_set_is_kept_if_it_is_the_published_one_and_how_to_do_without_is_said() {
    let folder = Folder::new();
    let data = folder.path("data");
    let other = server(folder.bundled("train-images-idx3-ubyte.gz"));
    let out = wta(&["data", &data, "--fetch", "mnist", "--mirror", &other]).fails("not the published one");
    assert!(out.stderr.contains("put train-images-idx3-ubyte.gz, "), "{out:?}");
    assert!(out.stderr.contains("data/mnist by other means"), "{out:?}");
    assert_eq!(fs::read_dir(folder.path("data/mnist")).unwrap().count(), 0);
    for set in ["cifar10", "svhn"] {
        wta(&["data", &data, "--fetch", set, "--mirror", &other]).fails("thrown away");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("http://{nobody}");
    wta(&["data", &data, "--fetch", "mnist", "--mirror", &nowhere]).fails("cannot be downloaded");
    assert_eq!(fs::read_dir(folder.path("data/mnist")).unwrap().count(), 0, "nothing came, nothing is left");
}

#[test]
fn a_file_that_is_there_is_not_touched() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("data/mnist")).unwrap();
    let mine = folder.write("data/mnist/train-images-idx3-ubyte", "mine");
    let other = server(Vec::new());
    let data = folder.path("data");
    wta(&["data", &data, "--fetch", "mnist", "--mirror", &other]).fails("differs from the published file");
    assert_eq!(fs::read_to_string(mine).unwrap(), "mine");
    let out = wta(&["data", &data, "--mirror", &other]).finish();
    assert_eq!(out.code, Some(2), "{out:?}");
    wta(&["data", &folder.write("file", ""), "--fetch", "svhn", "--mirror", &other]).fails("file");
}
