import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { startDashboard } from "../../src/dashboard/start-dashboard.ts";
import { startEtcd } from "../../src/testing/index.ts";
import {
  ask,
  dashboardStage,
  type DashboardStage,
  listen,
  type Listening,
} from "../support/dashboard.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function stage(
  options: Parameters<typeof dashboardStage>[1] = {},
  endpoints: readonly string[] = [inject("etcd")],
): Promise<DashboardStage> {
  const made = await dashboardStage(endpoints, options);
  undo.push(() => made[Symbol.asyncDispose]());
  return made;
}

async function listening(url: string, headers?: Record<string, string>): Promise<Listening> {
  const heard = await listen(url, headers);
  undo.push(() => heard.close());
  return heard;
}

const paths = ["/", "/page.js", "/page.css", "/favicon.svg"];

describe("a dashboard", () => {
  test("serves a page of 100 kB at most, and nothing else", async () => {
    const { origin } = await stage();
    let bytes = 0;
    for (const path of paths) {
      const { status, headers, body } = await ask(origin + path);
      expect(status).toBe(200);
      expect(headers["content-type"]).toMatch(/^(text\/(html|javascript|css)|image\/svg)/);
      const response = await fetch(origin + path, { headers: { "Accept-Encoding": "identity" } });
      expect(await response.text()).toBe(body);
      bytes += Number(
        (await ask(origin + path, { method: "HEAD", headers: { "Accept-Encoding": "gzip" } }))
          .headers["content-length"],
      );
    }
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(100_000);
    for (const path of ["/index.html", "/../package.json", "/%2e%2e/package.json", "/etc/passwd"]) {
      expect((await ask(origin + path)).status).toBe(404);
    }
  });

  test("sends its files zipped, and not again to who has them", async () => {
    const { origin } = await stage();
    const plain = await ask(`${origin}/page.js`);
    const response = await fetch(`${origin}/page.js`);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(await response.text()).toBe(plain.body);
    const etag = String(plain.headers.etag);
    expect(await ask(`${origin}/page.js`, { headers: { "If-None-Match": etag } })).toMatchObject({
      status: 304,
      body: "",
    });
  });

  test("guards each answer by its headers", async () => {
    const { origin } = await stage();
    for (const path of [...paths, "/session", "/nowhere"]) {
      const { headers } = await ask(origin + path);
      const policy = String(headers["content-security-policy"]);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("require-trusted-types-for 'script'");
      expect(policy).not.toContain("unsafe");
      expect(headers["referrer-policy"]).toBe("no-referrer");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });

  test("is read only", async () => {
    const { origin } = await stage();
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      for (const path of ["/", "/events"]) {
        expect((await ask(origin + path, { method })).status).toBe(405);
      }
    }
  });

  test("answers to its own names alone, whatever is asked", async () => {
    const routes = { "/metrics": () => expect.unreachable() };
    const { origin } = await stage({ allowHosts: ["dash.example.com"], routes });
    const { port } = new URL(origin);
    for (const path of [...paths, "/events", "/session", "/metrics", "/nowhere"]) {
      const refused = await ask(origin + path, { headers: { Host: `evil.example:${port}` } });
      expect(refused).toMatchObject({ status: 403 });
      expect(refused.body).toMatch(/evil\.example.*--allow-host/);
      const foreign = { Host: `127.0.0.1:${port}`, Origin: "http://evil.example" };
      expect((await ask(origin + path, { headers: foreign })).status).toBe(403);
    }
    for (const host of [`localhost:${port}`, "dash.example.com", `dash.example.com:${port}`]) {
      expect((await ask(origin, { headers: { Host: host } })).status).toBe(200);
    }
  });

  test("tells of hosts that come, change and go, and what it has missed to who comes back", async () => {
    const { origin, register } = await stage();
    const first = await register("api", { privateHostname: "node-1", shard: "s-1" });
    const heard = await listening(`${origin}/events`);
    expect(heard.headers["content-type"]).toBe("text/event-stream");
    await eventually(() => expect(heard.text).toMatch(/event: ready\nid: .*-\d+\n/));
    await eventually(() => expect(heard.text).toContain(`"key":"api/${first.uuid}"`));
    await eventually(() => expect(heard.text).toContain('"source":"live"'));

    const second = await register("api", { privateHostname: "node-2" });
    await eventually(() => expect(heard.text).toContain(`"key":"api/${second.uuid}"`));
    expect(heard.text).toMatch(/"log":\[\{"n":1,.*"type":"up"/);
    await second.update({ weight: 7 });
    await eventually(() => expect(heard.text).toContain('"weight":7'));
    expect(heard.text).toContain('"changed":["weight"]');
    const id = /id: (\S+)\n(?!.*id: )/s.exec(heard.text)?.[1] ?? "";
    heard.close();

    await second.unregister();
    for (const again of [
      await listening(`${origin}/events`, { "Last-Event-ID": id }),
      await listening(`${origin}/events?since=${encodeURIComponent(id)}`),
    ]) {
      await eventually(() => expect(again.text).toContain(`"goneHosts":["api/${second.uuid}"]`));
      expect(again.text).not.toContain("event: reset");
    }
  });

  test("never sends a password, whatever happens to it", async () => {
    const { origin, prefix, register } = await stage();
    const heard = await listening(`${origin}/events`);
    const secrets = ["first-s3cret", "second-s3cret", "private-s3cret", "stray-s3cret"];
    const [first = "", second = "", inside = "", stray = ""] = secrets;
    const publicHost = await register("api", {
      hostname: "public.dev",
      public: true,
      user: "a-user",
      password: first,
    });
    await register("inside", {
      privateHostname: "node-1",
      user: "a-user",
      password: inside,
      metadata: { note: `signs in with ${inside}`, password: stray, db: `pg://u:${stray}@db` },
    });
    await eventually(() => expect(heard.text).toContain("public.dev"));
    await publicHost.rotateCredentials({ user: "a-user", password: second });
    const raw = RawEtcd.at(inject("etcd"));
    await raw.put(`${prefix}/services/api/broken`, `{"name":"x","password":"${stray}"`);
    await raw.put(`${prefix}/services/api/strange`, `{"name":"a b","password":"${stray}"}`);
    await eventually(() => expect(heard.text).toContain('"credentials"'));
    await eventually(() => expect(heard.text).toContain('"uuid":"strange"'));
    await publicHost.unregister();
    await eventually(() => expect(heard.text).toContain('"reason":"unregistered"'));
    const again = await listening(`${origin}/events`);
    await eventually(() => expect(again.text).toContain("event: ready"));
    for (const text of [heard.text, again.text]) {
      expect(text).toContain('"note"');
      expect(text).toContain("(hidden)");
      for (const secret of [...secrets, "a-user"]) expect(text).not.toContain(secret);
    }
  });

  test("says that etcd is away, goes on showing what was known, and mends itself", async () => {
    const etcd = await startEtcd();
    undo.push(() => etcd.stop());
    const { origin, register } = await stage({}, etcd.endpoints);
    await register("api", { privateHostname: "node-1" });
    const heard = await listening(`${origin}/events`);
    await eventually(() => expect(heard.text).toContain("node-1"));
    await etcd.kill();
    await eventually(() => expect(heard.text).toMatch(/"source":"stale","since":\d+/), 10_000);
    const meanwhile = await listening(`${origin}/events`);
    await eventually(() => expect(meanwhile.text).toContain("event: ready"));
    expect(meanwhile.text).toContain("node-1");
    const before = heard.text.length;
    await etcd.restart();
    await eventually(() => expect(heard.text.slice(before)).toContain('"source":"live"'), 15_000);
  });

  test("is there before etcd is, and says so", async () => {
    const { origin } = await stage({}, ["http://127.0.0.1:1"]);
    expect((await ask(origin)).status).toBe(200);
    const heard = await listening(`${origin}/events`);
    await eventually(() => expect(heard.text).toMatch(/event: reset\ndata: .*"source":"none"/));
    await eventually(() => expect(heard.text).toMatch(/"source":"none".*"error":"/), 10_000);
  });

  test("cuts everybody off when it is closed", async () => {
    const { origin, dashboard } = await stage();
    const heard = await listening(`${origin}/events`);
    await dashboard.close();
    await dashboard.close();
    await eventually(() => expect(heard.ended).toBe(true));
    await expect(ask(origin)).rejects.toThrow("ECONNREFUSED");
  });

  test("does not wait for an answer that never comes when it is closed", async () => {
    let asked = false;
    const routes = { "/stuck": () => void (asked = true) };
    const { origin, dashboard } = await stage({ routes });
    const answer = ask(`${origin}/stuck`).catch((error: unknown) => String(error));
    await eventually(() => asked);
    await dashboard.close();
    expect(await answer).toMatch(/socket hang up|ECONNRESET/);
  });

  test("does not share its port, and says so", async () => {
    const { catalogue, origin } = await stage();
    const port = Number(new URL(origin).port);
    await expect(startDashboard({ catalogue, port })).rejects.toThrow(
      new RegExp(`^port: ${port} is taken on 127\\.0\\.0\\.1`),
    );
    await expect(startDashboard({ catalogue, port: 0, host: "192.0.2.1" })).rejects.toThrow(
      /^host: 192\.0\.2\.1 cannot be listened on/,
    );
  });
});

describe("signing in", () => {
  const token = "a-token-of-some-length";
  const json = { "Content-Type": "application/json" };
  let origin: string;
  let host: string;
  let urls: string[];
  let failing = false;

  const start = async (options: { token?: string; host?: string }) => {
    urls = [];
    const made = await stage({
      ...options,
      onSignInUrl: (url) => urls.push(url),
      routes: {
        "/metrics": (_, response) => {
          if (failing) throw new Error("a secret reason");
          response.end("some_metric 1\n");
        },
      },
    });
    ({ origin } = made);
    host = `127.0.0.1:${new URL(origin).port}`;
    origin = `http://${host}`;
  };
  const post = (given: string, headers: Record<string, string> = {}) =>
    ask(`${origin}/session`, {
      method: "POST",
      headers: { ...json, ...headers },
      body: JSON.stringify({ token: given }),
    });

  beforeEach(() => {
    failing = false;
  });

  test("is asked for off loopback, by a link that is good once", async () => {
    await start({ host: "0.0.0.0" });
    expect(urls).toHaveLength(1);
    const [, generated = ""] = /#token=([\w-]{43})$/.exec(urls[0] ?? "") ?? [];
    expect((await ask(`${origin}/`)).status).toBe(200);
    expect((await ask(`${origin}/events`)).status).toBe(401);
    expect((await ask(`${origin}/metrics`)).status).toBe(401);
    expect((await ask(`${origin}/session`)).body).toBe('{"signedIn":false}');
    expect((await post("wrong")).status).toBe(401);

    const { status, headers } = await post(generated);
    expect(status).toBe(204);
    const [cookie = ""] = headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^etcd-discovery-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(generated);
    const Cookie = cookie.split(";", 1)[0] ?? "";
    expect((await ask(`${origin}/session`, { headers: { Cookie } })).body).toBe(
      '{"signedIn":true}',
    );
    expect((await ask(`${origin}/metrics`, { headers: { Cookie } })).body).toBe("some_metric 1\n");
    const heard = await listening(`${origin}/events`, { Cookie });
    await eventually(() => expect(heard.text).toContain("event: ready"));

    expect((await post(generated)).status).toBe(401);
    expect(urls).toHaveLength(2);
    expect(urls[1]).not.toBe(urls[0]);
  });

  test("with a token of one's own works again and again, and as Bearer for programs", async () => {
    await start({ token });
    expect(urls).toEqual([`${origin}/`]);
    for (let times = 2; times > 0; times -= 1) expect((await post(token)).status).toBe(204);
    const bearer = { Authorization: `Bearer ${token}` };
    expect((await ask(`${origin}/metrics`, { headers: bearer })).status).toBe(200);
    const wrong = { Authorization: `Bearer ${token}x` };
    const refused = await ask(`${origin}/metrics`, { headers: wrong });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe("Bearer");
    // A page cannot send that header with its stream, so nobody needs it there.
    expect((await ask(`${origin}/events`, { headers: bearer })).status).toBe(401);
  });

  test("cannot be done by a page of another site, or with nonsense", async () => {
    await start({ token });
    expect((await post(token, { Origin: "http://evil.example" })).status).toBe(403);
    expect((await post(token, { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await post("x".repeat(3_000))).status).toBe(401);
    const bad = { method: "POST", headers: json };
    for (const body of ["", "null", "[]", '{"token":1}', "{"]) {
      expect((await ask(`${origin}/session`, { ...bad, body })).status).toBe(400);
    }
    expect((await post(token, { Origin: origin })).status).toBe(204);
    const secure = await post(token, { Origin: `https://${host}` });
    expect(secure.headers["set-cookie"]?.[0]).toMatch(/; Secure$/);
  });

  test("is not needed on loopback, also for further routes; what fails there is not told", async () => {
    await start({});
    expect(urls).toEqual([]);
    expect((await ask(`${origin}/session`)).body).toBe('{"signedIn":true}');
    expect((await ask(`${origin}/metrics`)).status).toBe(200);
    failing = true;
    const { status, body } = await ask(`${origin}/metrics`);
    expect(status).toBe(500);
    expect(body).not.toContain("secret");
  });
});
