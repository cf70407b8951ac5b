import { afterEach, beforeEach, expect, test } from "vitest";
import { Discovery } from "../../src/discovery.ts";
import type { Credentials, Registration } from "../../src/index.ts";
import { memoryStore } from "../../src/testing/index.ts";
import { type RecordingLogger, recordingLogger } from "../support/recording-logger.ts";

const host = { hostname: "a.dev", ports: { http: 80 } };

let logger: RecordingLogger;
let discovery: Discovery;
let registration: Registration;

beforeEach(() => {
  logger = recordingLogger();
  discovery = new Discovery({ store: memoryStore(), logger });
  registration = discovery.register("api", host);
});

afterEach(() => discovery.close());

test.each<[string, (bag: object) => unknown]>([
  ["host", (bag) => discovery.register("api", { ports: { http: 80 }, ...bag })],
  ["private_ports", (bag) => discovery.register("api", { ...host, ...bag })],
  ["singal", (bag) => discovery.register("api", host, bag)],
  ["checks", (bag) => discovery.register("api", host, bag)],
  ["timeout", (bag) => discovery.register("api", host, { check: { type: "tcp", ...bag } })],
  ["timeout", (bag) => discovery.get("api", bag)],
  ["Shard", (bag) => discovery.get("api", bag)],
  ["timeoutMS", (bag) => discovery.services(bag)],
  ["exisiting", (bag) => discovery.subscribe("api", bag)],
  ["Signal", (bag) => discovery.changes("api", bag)],
  ["strateggy", (bag) => discovery.live("api", bag)],
  ["Signal", (bag) => discovery.subscribe("api").waitReady(bag)],
  ["Signal", (bag) => registration.waitRegistration(bag)],
  ["delay", (bag) => registration.drain(bag)],
  ["weigth", (bag) => registration.update(bag)],
  ["drain", (bag) => registration.update(bag)],
  [
    "pasword",
    (bag) => registration.rotateCredentials({ user: "u", ...bag } as unknown as Credentials),
  ],
])("%s throws at once, naming the option that is meant", (name, call) => {
  expect(() => call({ [name]: "x" })).toThrow(new RegExp(`^${name}: is not known; did you mean `));
});

test("what is like no option is passed over, with a warning where much depends on it", async () => {
  const others: object = { region: "eu", retries: 3 };
  const second = new Discovery({ store: memoryStore(), logger, ...others });
  second.register("api", { ...host, ...others });
  second.get("api", others);
  await second.close();
  await registration.update({ weight: 2, ...others });
  await registration.update({ weight: 3 });
  const warned = logger.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  expect(warned).toEqual(
    ["Discovery", "register", "update"].flatMap(() => [
      'option "region" is not known, and has no effect',
      'option "retries" is not known, and has no effect',
    ]),
  );
});

test("an option that is undefined is none, whatever its name", async () => {
  const bag: object = { singal: undefined, timeout: undefined, host: undefined };
  discovery.register("api", { ...host, ...bag }, bag);
  await discovery.services(bag);
  await registration.waitRegistration(bag);
  expect(logger.lines.filter(({ level }) => level === "warn")).toEqual([]);
});
