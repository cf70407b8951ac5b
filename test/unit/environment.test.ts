import { describe, expect, test } from "vitest";

import { environmentOptions } from "../../src/environment.ts";

const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

describe("endpoints", () => {
  test.for([
    [{}, ["http://localhost:2379"]],
    [{ ETCD_HOSTS: "" }, ["http://localhost:2379"]],
    [{ ETCD_HOSTS: "a:1, http://b:2 ,", ETCD_HOST: "c:3" }, ["a:1", "http://b:2"]],
    [{ ETCD_HOST: "http://c:3", ETCD_1_PORT_2379_TCP_ADDR: "d" }, ["http://c:3"]],
    [
      { ETCD_1_PORT_2379_TCP_ADDR: "10.0.0.1", ETCD_1_PORT_2379_TCP_PORT: "4001" },
      ["http://10.0.0.1:4001"],
    ],
    [{ ETCD_1_PORT_2379_TCP_ADDR: "fd00::1" }, ["http://[fd00::1]:2379"]],
    [
      { ETCD_HOSTS: "a:1,http://b:2,HTTP://c:3,https://d:4", ETCD_CACERT: "ca.pem" },
      ["https://a:1", "https://b:2", "https://c:3", "https://d:4"],
    ],
  ] as const)("%o", ([environment, endpoints]) => {
    expect(environmentOptions(environment).endpoints).toEqual(endpoints);
  });
});

describe("tls", () => {
  test("files", () => {
    const environment = { ETCD_CACERT: "ca", ETCD_TLS_CERT: "cert", ETCD_TLS_KEY: "key" };
    expect(environmentOptions(environment).tls).toEqual({
      ca: { file: "ca" },
      cert: { file: "cert" },
      key: { file: "key" },
    });
    expect(environmentOptions({ ETCD_TLS_INMEMORY: "true" }).tls).toBeUndefined();
  });

  test("in memory, as base64", () => {
    const environment = {
      ETCD_CACERT: Buffer.from(pem).toString("base64"),
      ETCD_TLS_INMEMORY: "true",
    };
    expect(environmentOptions(environment).tls).toMatchObject({ ca: Buffer.from(pem) });
    expect(() => environmentOptions({ ETCD_CACERT: pem, ETCD_TLS_INMEMORY: "true" })).toThrow(
      /ETCD_CACERT/,
    );
  });

  test("half a key pair is refused", () => {
    expect(() => environmentOptions({ ETCD_TLS_CERT: "x" })).toThrow(/ETCD_TLS_KEY/);
    expect(() => environmentOptions({ ETCD_TLS_KEY: "x" })).toThrow(/ETCD_TLS_CERT/);
  });
});

test("auth, prefix and api", () => {
  const environment = {
    ETCD_USERNAME: "u",
    ETCD_PASSWORD: "p",
    ETCD_PREFIX: "/prod",
    ETCD_API: "3",
  };
  expect(environmentOptions(environment)).toMatchObject({
    auth: { username: "u", password: "p" },
    prefix: "/prod",
    api: 3,
  });
  expect(environmentOptions({ ETCD_API: "2" })).toMatchObject({ api: 2 });
  expect(environmentOptions({})).toMatchObject({
    auth: undefined,
    prefix: undefined,
    api: undefined,
  });
  expect(() => environmentOptions({ ETCD_USERNAME: "u" })).toThrow(/ETCD_PASSWORD/);
  expect(() => environmentOptions({ ETCD_PASSWORD: "p" })).toThrow(/ETCD_USERNAME/);
  for (const value of ["1", "v2", "2.0", " 2"]) {
    expect(() => environmentOptions({ ETCD_API: value })).toThrow(/^ETCD_API: must be 2 or 3/);
  }
});
