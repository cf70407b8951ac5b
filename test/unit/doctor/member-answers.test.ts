import { afterEach, expect, test } from "vitest";
import { memberAnswers } from "../../../src/doctor/gather/member-answers.ts";
import { AuthenticateResponse, MemberStatusResponse } from "../../../src/store/etcd3/gen/etcd.ts";
import { type Script, ScriptedGrpcServer } from "../../support/scripted-grpc-server.ts";

let server: ScriptedGrpcServer | undefined;

afterEach(() => server?.close());

const signal = new AbortController().signal;
const auth = { username: "alice", password: "secret" };
const status = MemberStatusResponse.encode({
  header: { clusterId: 1n, memberId: 2n },
  version: "3.6.9",
  dbSize: 30n,
  leader: 2n,
  raftTerm: 4n,
  errors: ["memberID:2 alarm:NOSPACE "],
  dbSizeInUse: 20n,
  isLearner: false,
}).finish();

/** An etcd that tells of itself only those who have signed in, and how it refuses others. */
const strict =
  (refusal: string): Script =>
  async (call) => {
    const path = call.headers[":path"];
    if (path === "/etcdserverpb.Auth/Authenticate") {
      await call.answer(AuthenticateResponse.encode({ header: undefined, token: "t" }).finish());
    } else if (call.headers["token"] === "t") await call.answer(status);
    else call.refuse({ "grpc-status": refusal, "grpc-message": "etcdserver: user name is empty" });
  };

test.each(["3", "7", "16"])(
  "an etcd that tells nobody of itself who has not signed in is signed in to (status %s)",
  async (refusal) => {
    server = await ScriptedGrpcServer.start(strict(refusal));
    const facts = await memberAnswers(
      server.origin,
      { tls: undefined, auth },
      { signal, timeoutMs: 5_000 },
    );
    expect(facts).toMatchObject({
      clusterId: 1n,
      memberId: 2n,
      version: "3.6.9",
      sizeBytes: 30,
      usedBytes: 20,
      leader: 2n,
      term: 4n,
      errors: ["memberID:2 alarm:NOSPACE "],
      learner: false,
    });
    expect(facts.latenciesMs).toHaveLength(5);
  },
);

test("without a user its refusal is what there is to tell", async () => {
  server = await ScriptedGrpcServer.start(strict("7"));
  const asked = memberAnswers(
    server.origin,
    { tls: undefined, auth: undefined },
    { signal, timeoutMs: 5_000 },
  );
  await expect(asked).rejects.toThrow("user name is empty");
  expect(server.calls).toHaveLength(1);
});
