import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import type { MalformedRecord } from "../../../src/find/find-context.ts";
import { HostPromise } from "../../../src/find/host-promise.ts";
import type { LookupContext } from "../../../src/find/lookup.ts";
import { type GetOptions, Query } from "../../../src/find/query.ts";
import { listServices, type ServicesOptions } from "../../../src/find/services.ts";
import { Host } from "../../../src/model/host.ts";
import type { CallOptions, Listing, Selection, Store } from "../../../src/store/store.ts";
import { type MemoryStore, memoryStore } from "../../../src/testing/memory-store.ts";

type Wire = Readonly<Record<string, unknown>>;

/** A service on a store in this process, and what asking about it costs. */
class Stage implements LookupContext {
  readonly memory: MemoryStore = memoryStore();
  readonly store: Store;
  readonly timeoutMs = 1_000;
  readonly malformed: MalformedRecord[] = [];
  readonly calls: { selection?: Selection; options: CallOptions }[] = [];

  /** The ids of the host records whose bytes were looked at. */
  readonly decoded: string[] = [];
  holders = 0;
  randomNumbers = [0];

  constructor() {
    const { memory } = this;
    const derived = Object.create(memory, { clock: { value: memory.clock } }) as Store;
    this.store = Object.assign(derived, {
      read: async (service: string, selection: Selection, options: CallOptions) => {
        this.calls.push({ selection, options });
        return this.#watched(await memory.read(service, selection, options));
      },
      services: (options: CallOptions & { readonly alive: boolean }) => {
        this.calls.push({ options });
        return memory.services(options);
      },
    });
  }

  readonly random = (): number => {
    const [next = 0, ...rest] = this.randomNumbers;
    if (rest.length > 0) this.randomNumbers = rest;
    return next;
  };

  readonly hold = (): (() => void) => {
    this.holders += 1;
    return () => {
      this.holders -= 1;
    };
  };

  readonly onMalformed = (record: MalformedRecord): void => {
    this.malformed.push(record);
  };

  get(options?: GetOptions, service = "api"): Query {
    return new Query(this, service, options);
  }

  services(options?: ServicesOptions): Promise<string[]> {
    return listServices(this, options);
  }

  host(id: string, record: Wire | string = {}, service = "api"): this {
    const wire = { name: `${id}.dev`, ports: { http: "80" } };
    const value = typeof record === "string" ? record : JSON.stringify({ ...wire, ...record });
    this.memory.put(service, { kind: "host", id }, value);
    return this;
  }

  info(record: Wire | string, service = "api"): this {
    const value = typeof record === "string" ? record : JSON.stringify(record);
    this.memory.put(service, { kind: "info" }, value);
    return this;
  }

  #watched(listing: Listing): Listing {
    const hosts = listing.hosts.map(({ id, value, revision }) => ({
      id,
      revision,
      get value() {
        decoded.push(id);
        return value;
      },
    }));
    const { decoded } = this;
    return { ...listing, hosts };
  }
}

const stage = (): Stage => new Stage();
const ids = (hosts: readonly Host[]) => hosts.map((host) => host.uuid);
const fails = (code: string) => expect.objectContaining({ code }) as Error;
const publicInfo = { name: "api", hostname: "api.dev", ports: { http: "80" }, public: true };

/** All that can be asked of a query, but for the info alone. */
const finals: [name: string, ask: (query: Query) => Promise<unknown>][] = [
  ["all()", (query) => query.all()],
  ["one()", (query) => query.one()],
  ["first()", (query) => query.first()],
  ["one().url()", (query) => query.one().url()],
  ["first().privateUrl()", (query) => query.first().privateUrl()],
  ["url()", (query) => query.url()],
];

describe.each(finals)("%s", (_, ask) => {
  test("reads the store once, and only when it is asked", async () => {
    const on = stage().host("a").host("b");
    const { calls } = on;
    const query = on.get();
    expect(calls).toEqual([]);
    await ask(query);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.selection).toEqual({ info: true, hosts: "all" });
    await ask(query);
    expect(calls).toHaveLength(2);
  });

  test("tells the ways apart in which nothing is found", async () => {
    await expect(ask(stage().get())).rejects.toThrow(fails("SERVICE_NOT_FOUND"));
    await expect(ask(stage().get({ shard: "s" }))).rejects.toThrow(fails("SERVICE_NOT_FOUND"));
    const known = stage().info({ name: "api" });
    await expect(ask(known.get())).rejects.toThrow(fails("NO_HOST_FOUND"));
    await expect(ask(known.get({ shard: "s" }))).rejects.toThrow(fails("NO_HOST_FOUND"));
    const elsewhere = stage().host("a", { shard: "t" }).host("b");
    await expect(ask(elsewhere.get({ shard: "s" }))).rejects.toThrow(
      fails("NO_HOST_FOUND_ON_SHARD"),
    );
    const unreadable = stage().host("a", "{").host("b", "null");
    await expect(ask(unreadable.get())).rejects.toThrow(fails("NO_HOST_FOUND"));
    expect(unreadable.malformed).toHaveLength(2);
  });

  test("passes over what cannot be read, and reports it", async () => {
    const on = stage().host("a", "no json").host("b").info("[]");
    await ask(on.get());
    expect(on.malformed).toContainEqual(
      expect.objectContaining({
        service: "api",
        kind: "host",
        id: "a",
        error: fails("MALFORMED_RECORD"),
      }),
    );
  });

  test("keeps the process alive until it is answered, and no longer", async () => {
    const on = stage().host("a");
    const answer = ask(on.get());
    expect(on.holders).toBe(1);
    await answer;
    expect(on.holders).toBe(0);
    on.memory.outage(true);
    await expect(ask(on.get())).rejects.toThrow(fails("UNAVAILABLE"));
    expect(on.holders).toBe(0);
  });

  test("rejects with the reason of its signal", async () => {
    const on = stage().host("a");
    const reason = { mine: true };
    await expect(ask(on.get({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(on.calls).toEqual([]);

    on.memory.outage("silent");
    const abort = new AbortController();
    const answer = ask(on.get({ signal: abort.signal }));
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect(on.holders).toBe(0);
  });

  test("waits as long as it is told to", async () => {
    const on = stage().host("a");
    await ask(on.get());
    await ask(on.get({ timeoutMs: 20 }));
    expect(on.calls.map(({ options }) => options.timeoutMs)).toEqual([1_000, 20]);
    on.memory.outage("silent");
    await expect(ask(on.get({ timeoutMs: 20 }))).rejects.toThrow(fails("TIMEOUT"));
  });
});

describe("all()", () => {
  test("is every host in the order of the keys, draining ones too", async () => {
    const on = stage().host("b").host("a", { draining: true }).host("c", "junk");
    const hosts = await on.get().all();
    expect(ids(hosts)).toEqual(["a", "b"]);
    expect(hosts[0]).toBeInstanceOf(Host);
    expect(hosts[0]).toMatchObject({ serviceName: "api", draining: true });
  });

  test("is limited to a shard; an empty one is no limit", async () => {
    const on = stage().host("a", { shard: "s" }).host("b", { shard: "t" }).host("c");
    expect(ids(await on.get({ shard: "s" }).all())).toEqual(["a"]);
    expect(ids(await on.get({ shard: "" }).all())).toEqual(["a", "b", "c"]);
    expect(ids(await on.get({ shard: undefined }).all())).toEqual(["a", "b", "c"]);
  });
});

describe("one() and first()", () => {
  test("are promises of a host that also have urls", async () => {
    const on = stage().host("a", { private_hostname: "n1", private_ports: { http: "8080" } });
    for (const found of [on.get().one(), on.get().first()]) {
      expect(found).toBeInstanceOf(Promise);
      expect(found).toBeInstanceOf(HostPromise);
      expect(found.then(() => 1)).not.toBeInstanceOf(HostPromise);
      expect(await found.url("http", "health")).toBe("http://a.dev:80/health");
      expect(await found.privateUrl("http")).toBe("http://n1:8080");
      expect(await found).toBeInstanceOf(Host);
    }
    expect(on.calls).toHaveLength(2);
  });

  test("start at once, without being awaited", () => {
    const on = stage().host("a");
    void on.get().one();
    expect(on.calls).toHaveLength(1);
  });

  test("one() is as likely to be any host", async () => {
    const on = stage().host("a").host("b").host("c").host("d");
    on.randomNumbers = [0, 0.26, 0.51, 0.999];
    const found = [];
    for (let time = 0; time < 4; time += 1) found.push((await on.get().one()).uuid);
    expect(found).toEqual(["a", "b", "c", "d"]);
  });

  test("decode no more than they return", async () => {
    const on = stage().host("a").host("b").host("c");
    on.randomNumbers = [0.5];
    await on.get().one();
    expect(on.decoded).toEqual(["b"]);
    await on.get().first();
    expect(on.decoded).toEqual(["b", "a"]);
  });

  test("draw again, among the others, when they cannot use what they drew", async () => {
    const on = stage().host("a", "junk").host("b", { draining: true }).host("c").host("d");
    on.randomNumbers = [0.3, 0, 0];
    expect((await on.get().one()).uuid).toBe("c");
    expect(on.decoded).toEqual(["b", "a", "c"]);
  });

  test("prefer hosts that stay, and take a draining one if there is no other", async () => {
    const on = stage().host("a", { draining: true }).host("b", { draining: true }).host("c");
    expect((await on.get().first()).uuid).toBe("c");
    expect((await on.get().one()).uuid).toBe("c");
    on.memory.delete("api", { kind: "host", id: "c" });
    expect((await on.get().first()).uuid).toBe("a");
    expect((await on.get().one()).uuid).toBe("a");
  });

  test("keep to the shard, draining hosts or not", async () => {
    const on = stage()
      .host("a")
      .host("b", { shard: "s", draining: true })
      .host("c", { shard: "t" });
    expect((await on.get({ shard: "s" }).one()).uuid).toBe("b");
    expect((await on.get({ shard: "s" }).first()).uuid).toBe("b");
  });

  test("reject their urls for what the host has not", async () => {
    const on = stage()
      .host("a")
      .host("b", { ports: { http: "none" } });
    await expect(on.get().first().url("grpc")).rejects.toThrow(fails("UNKNOWN_SCHEME"));
    on.randomNumbers = [0.9];
    await expect(on.get().one().url("http")).rejects.toThrow(fails("MALFORMED_RECORD"));
  });
});

describe("url()", () => {
  test("of a public service comes from its info, whether a host lives or not", async () => {
    const on = stage().info({ ...publicInfo, user: "u", password: "p" });
    expect(await on.get().url("http", "/x")).toBe("http://u:p@api.dev:80/x");
    on.host("a", { public: true, name: "api.dev", ports: { http: "81" } }).host("b");
    expect(await on.get().url()).toBe("http://u:p@api.dev:80");
  });

  test("of a public service decodes a single host when that has the info's hostname", async () => {
    const on = stage().info(publicInfo);
    for (const id of "abc") on.host(id, { public: true, name: "api.dev" });
    await on.get().url();
    expect(on.decoded).toHaveLength(1);
  });

  test("of a public service is a living host's if none has the info's hostname", async () => {
    const on = stage()
      .info(publicInfo)
      .host("a", { public: true, draining: true })
      .host("b", { public: true })
      .host("c");
    on.randomNumbers = [0, 0.9, 0];
    expect(await on.get().url()).toBe("http://b.dev:80");
    on.host("d", { public: true, name: "api.dev", draining: true });
    expect(await on.get().url()).toBe("http://api.dev:80");
  });

  test("on a shard is a host's, also of a public service", async () => {
    const on = stage().info(publicInfo).host("a", { public: true, name: "api.dev" });
    on.host("b", { public: true, shard: "s" });
    expect(await on.get({ shard: "s" }).url()).toBe("http://b.dev:80");
    await expect(on.get({ shard: "t" }).url()).rejects.toThrow(fails("NO_HOST_FOUND_ON_SHARD"));
  });

  test("of a private service is a random host's, a draining one's last", async () => {
    const on = stage().info({ name: "api" }).host("a", { draining: true }).host("b").host("c");
    on.randomNumbers = [0, 0.9];
    expect(await on.get().url("http", "?q")).toBe("http://c.dev:80?q");
    expect(on.decoded).toEqual(["a", "c"]);
  });

  test("of a service whose info is missing or cannot be read is a host's", async () => {
    const on = stage().host("a");
    expect(await on.get().url()).toBe("http://a.dev:80");
    on.info("junk");
    expect(await on.get().url()).toBe("http://a.dev:80");
    expect(on.malformed).toMatchObject([{ service: "api", kind: "info", id: "api" }]);
  });

  test("passes over hosts that have no such url", async () => {
    const on = stage()
      .host("a", { name: "no hostname" })
      .host("b", { ports: { http: "80443" } })
      .host("c", { ports: { tcp: "1" } })
      .host("d", { draining: true });
    expect(await on.get().url()).toBe("http://d.dev:80");
    expect(on.malformed.map(({ id }) => id).toSorted()).toEqual(["a", "b"]);
  });

  test("says what the hosts lack if none has such a url", async () => {
    const on = stage().host("a").host("b");
    await expect(on.get().url("grpc")).rejects.toThrow(fails("UNKNOWN_SCHEME"));
    const unusable = stage().host("a", { name: "" });
    await expect(unusable.get().url()).rejects.toThrow(fails("MALFORMED_RECORD"));
    const info = stage().info(publicInfo);
    await expect(info.get().url("grpc")).rejects.toThrow(fails("UNKNOWN_SCHEME"));
  });
});

describe("service()", () => {
  test("is what the hosts have in common, read without them", async () => {
    const on = stage()
      .info({ ...publicInfo, user: "u", password: "p", critical: true })
      .host("a");
    const service = await on.get().service();
    expect(service).toMatchObject({ name: "api", hostname: "api.dev", user: "u", critical: true });
    expect(service.password).toBe("p");
    expect(on.calls.map(({ selection }) => selection)).toEqual([{ info: true, hosts: [] }]);
  });

  test("is a name if there is nothing on the store", async () => {
    const service = await stage().get({}, "unheard-of").service();
    expect(Object.fromEntries(Object.entries(service))).toEqual({
      name: "unheard-of",
      critical: false,
      hostname: "",
      user: "",
      ports: {},
      public: false,
    });
  });

  test("rejects if the info cannot be read", async () => {
    await expect(stage().info("{").get().service()).rejects.toThrow(fails("MALFORMED_RECORD"));
  });
});

describe("services()", () => {
  test("names those with an info or a host, or only those with a host", async () => {
    const on = stage().host("a", {}, "one").info({}, "two").info({}, "one").host("a", {}, "three");
    expect(await on.services()).toEqual(["one", "three", "two"]);
    expect(await on.services({ alive: true })).toEqual(["one", "three"]);
    expect(on.calls).toHaveLength(2);
    expect(on.holders).toBe(0);
  });

  test("takes a signal and a time", async () => {
    const on = stage();
    await expect(on.services({ signal: AbortSignal.abort("mine") })).rejects.toBe("mine");
    on.memory.outage("silent");
    await expect(on.services({ timeoutMs: 10 })).rejects.toThrow(fails("TIMEOUT"));
  });
});

describe("a service that is not there", () => {
  /** A stage whose store, asked for a hint, does this. */
  function hinting(hint: NonNullable<Store["hint"]>): Stage {
    const on = stage();
    on.store.hint = hint;
    return on;
  }
  const notFound = (message: string) =>
    expect.objectContaining({ code: "SERVICE_NOT_FOUND", message }) as Error;

  test("is said to be somewhere else, if the store knows", async () => {
    const asked: [string, number][] = [];
    const on = hinting((service, { timeoutMs }) => {
      asked.push([service, timeoutMs]);
      return Promise.resolve("look there");
    });
    const message = 'service "api" has neither an info nor a host; look there';
    await expect(on.get().all()).rejects.toEqual(notFound(message));
    await expect(on.get().one()).rejects.toEqual(notFound(message));
    await expect(on.get({ timeoutMs: 70 }).url()).rejects.toEqual(notFound(message));
    expect(asked.map(([service]) => service)).toEqual(["api", "api", "api"]);
    for (const [, timeoutMs] of asked) expect(timeoutMs).toBeLessThanOrEqual(on.timeoutMs);
    expect(asked.at(-1)?.[1]).toBeLessThanOrEqual(70);
    expect(on.holders).toBe(0);
  });

  test("is not there and no more, if the store does not know", async () => {
    const on = hinting(() => Promise.resolve(undefined));
    const message = 'service "api" has neither an info nor a host';
    await expect(on.get().first()).rejects.toEqual(notFound(message));
  });

  test("is asked for only then", async () => {
    const on = hinting(() => Promise.reject(new Error("asked for a hint")));
    await expect(on.info({}).get().all()).rejects.toThrow(fails("NO_HOST_FOUND"));
    expect((await on.get({}, "other").service()).name).toBe("other");
    expect(await on.host("a").get().all()).toHaveLength(1);
  });

  test("can be given up while the store is asked", async () => {
    const asked = new AbortController();
    const on = hinting(() => {
      asked.abort("mine");
      return new Promise(() => {});
    });
    await expect(on.get({ signal: asked.signal }).one()).rejects.toBe("mine");
    expect(on.holders).toBe(0);
  });
});

describe("refused arguments throw at once", () => {
  const refused: [message: RegExp, ask: (on: Stage) => unknown][] = [
    [/^service name: /, (on) => on.get({}, "a/b")],
    [/^service name: /, (on) => on.get({}, "")],
    [/^service name: /, (on) => on.get({}, 5 as unknown as string)],
    [/^options: /, (on) => on.get("s" as GetOptions)],
    [/^options: /, (on) => on.get(null as unknown as GetOptions)],
    [/^shard: /, (on) => on.get({ shard: 1 as unknown as string })],
    [/^shard: /, (on) => on.get({ shard: null as unknown as string })],
    [/^signal: /, (on) => on.get({ signal: {} as AbortSignal })],
    [/^timeoutMs: /, (on) => on.get({ timeoutMs: 0 })],
    [/^timeoutMs: /, (on) => on.get({ timeoutMs: NaN })],
    [/^timeoutMs: /, (on) => on.get({ timeoutMs: "5" as unknown as number })],
    [/^timeoutMs: /, (on) => on.get({ timeoutMs: 2 ** 31 })],
    [/^scheme: /, (on) => on.get().url(80 as unknown as string)],
    [/^path: /, (on) => on.get().url("http", {} as string)],
    [/^alive: /, (on) => on.services({ alive: "yes" as unknown as boolean })],
    [/^signal: /, (on) => on.services({ signal: 5 as unknown as AbortSignal })],
    [/^timeoutMs: /, (on) => on.services({ timeoutMs: -1 })],
  ];

  test.each(refused)("%s", (message, ask) => {
    const on = stage();
    expect(() => ask(on)).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(message) as string,
      }),
    );
    expect(on.calls).toEqual([]);
  });

  test("also where a host is being looked up", async () => {
    const found = stage().host("a").get().one();
    expect(() => found.url(80 as unknown as string)).toThrow(fails("INVALID_ARGUMENT"));
    expect(() => found.privateUrl("http", 1 as unknown as string)).toThrow(
      fails("INVALID_ARGUMENT"),
    );
    await found;
  });
});

test("a refused argument of one().url() throws, and its lookup ends nobody's process", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", listener);
  const discovery = new Discovery({ store: memoryStore() });
  expect(() =>
    discovery
      .get("none")
      .one()
      .url(5 as never),
  ).toThrow(/^scheme/);
  expect(() =>
    discovery
      .get("none")
      .first()
      .privateUrl("http", 5 as never),
  ).toThrow(/^path/);
  for (let turns = 0; turns < 5; turns += 1) await turn();
  process.off("unhandledRejection", listener);
  expect(unhandled).toEqual([]);
});
