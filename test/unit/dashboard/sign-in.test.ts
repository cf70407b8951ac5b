import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { SignIn } from "../../../src/dashboard/sign-in.ts";

const cookie = "etcd-discovery-7379";

function request(headers: IncomingMessage["headers"]): IncomingMessage {
  return { headers } as IncomingMessage;
}

const withCookie = (id: string): IncomingMessage =>
  request({ cookie: `a=b; ${cookie}=${id}; c=d` });

describe("a token of one's own", () => {
  const token = "a-token-of-some-length";

  test("is good for any number of sign-ins, and as Bearer where that is allowed", () => {
    const signIn = new SignIn({ cookie, token });
    const first = signIn.exchange(token);
    const second = signIn.exchange(token);
    expect(first).toMatch(/^[\w-]{43}$/);
    expect(first).not.toBe(second);
    expect(signIn.admits(withCookie(first ?? ""))).toBe(true);
    expect(signIn.admits(withCookie(second ?? ""))).toBe(true);
    const bearer = request({ authorization: `Bearer ${token}` });
    expect(signIn.admits(bearer)).toBe(false);
    expect(signIn.admits(bearer, { bearer: true })).toBe(true);
    expect(signIn.admits(withCookie(first ?? ""), { bearer: true })).toBe(true);
  });

  test.each(["", "A-token-of-some-length", `${token}x`, token.slice(1), " "])(
    "is not %j",
    (other) => {
      const signIn = new SignIn({ cookie, token });
      expect(signIn.exchange(other)).toBeUndefined();
      const bearer = request({ authorization: `Bearer ${other}` });
      expect(signIn.admits(bearer, { bearer: true })).toBe(false);
    },
  );

  test("is not good in place of the cookie's id, nor is another cookie", () => {
    const signIn = new SignIn({ cookie, token });
    const id = signIn.exchange(token) ?? "";
    expect(signIn.admits(withCookie(token))).toBe(false);
    expect(signIn.admits(withCookie(""))).toBe(false);
    expect(signIn.admits(request({ cookie: `etcd-discovery-80=${id}` }))).toBe(false);
    expect(signIn.admits(request({}))).toBe(false);
  });
});

describe("a generated token", () => {
  test("is good once, and then there is another one", () => {
    const tokens: string[] = [];
    const signIn = new SignIn({ cookie, generated: (token) => tokens.push(token) });
    expect(tokens).toHaveLength(1);
    expect(tokens[0]).toMatch(/^[\w-]{43}$/);
    expect(signIn.exchange("wrong")).toBeUndefined();
    expect(tokens).toHaveLength(1);
    const id = signIn.exchange(tokens[0] ?? "");
    expect(signIn.admits(withCookie(id ?? ""))).toBe(true);
    expect(signIn.exchange(tokens[0] ?? "")).toBeUndefined();
    expect(tokens).toHaveLength(2);
    expect(signIn.exchange(tokens[1] ?? "")).toBeDefined();
    const bearer = request({ authorization: `Bearer ${tokens[2]}` });
    expect(signIn.admits(bearer, { bearer: true })).toBe(false);
  });
});

test("a session ends after a day, and the oldest when there are too many", () => {
  let now = 0;
  const signIn = new SignIn({ cookie, token: "a-token-of-some-length", now: () => now });
  const id = signIn.exchange("a-token-of-some-length") ?? "";
  now = 24 * 3_600_000 - 1;
  expect(signIn.admits(withCookie(id))).toBe(true);
  now += 1;
  expect(signIn.admits(withCookie(id))).toBe(false);
  const next = signIn.exchange("a-token-of-some-length") ?? "";
  for (let left = 1_000; left > 0; left -= 1) signIn.exchange("a-token-of-some-length");
  expect(signIn.admits(withCookie(next))).toBe(false);
});
