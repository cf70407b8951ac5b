import { expect, test } from "vitest";
import { selectHosts } from "../../../src/operate/select-host.ts";
import { byHand } from "./operate-stage.ts";

const host = (uuid: string, name: string, privateHostname: string) =>
  byHand(uuid, JSON.stringify({ name, private_hostname: privateHostname, ports: {} }));

const hosts = [
  host("aa11-node-1", "shared.dev", "node-1"),
  host("aa11-node-1-b", "shared.dev", "node-2"),
  host("bb22-node-3", "single.dev", "aa"),
  byHand("cc33-unreadable", "{"),
];

test.each([
  ["a whole uuid, also where it is the beginning of another", "aa11-node-1", ["aa11-node-1"]],
  ["the beginning of one uuid", "bb", ["bb22-node-3"]],
  ["the beginning of two", "aa1", ["aa11-node-1", "aa11-node-1-b"]],
  ["a public hostname", "single.dev", ["bb22-node-3"]],
  ["a public hostname that two have", "shared.dev", ["aa11-node-1", "aa11-node-1-b"]],
  ["a private hostname", "node-2", ["aa11-node-1-b"]],
  [
    "what is a hostname and the beginning of uuids",
    "aa",
    ["aa11-node-1", "aa11-node-1-b", "bb22-node-3"],
  ],
  ["a record that cannot be read, by its uuid", "cc", ["cc33-unreadable"]],
  ["a part of a hostname", "single", []],
  ["nothing", "", []],
])("an operator means by %s: %s", (_, word, uuids) => {
  expect(selectHosts(hosts, word).map(({ uuid }) => uuid)).toEqual(uuids);
});
