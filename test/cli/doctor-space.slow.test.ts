import { expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { doctor } from "../support/doctor.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

test("an etcd that is nearly full is worth a warning, one that is full has raised an alarm", async () => {
  const quota = 2 ** 20;
  const etcd = await startEtcd({ args: ["--quota-backend-bytes", String(quota)] });
  try {
    const raw = new RawEtcd(etcd);
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 100; index += 1) {
        await raw.put(`/filler/${index}`, "x".repeat(100_000));
      }
    };
    await expect(fill()).rejects.toThrow(/space exceeded/);
    const { code, findings, of } = await doctor(["--endpoints", etcd.endpoint]);
    expect(of("alarms")).toEqual([expect.stringMatching(/^problem: .*NOSPACE/)]);
    expect(findings.find(({ check }) => check === "alarms")?.remedy).toMatch(
      /etcdctl alarm disarm/,
    );
    expect(of("space")).toEqual([expect.stringMatching(/^warning .*its limit is 1\.0 MB/)]);
    // Who may write is told all the same; a lease is not to be had.
    const rights = findings.filter(({ check, level }) => check === "rights" && level !== "ok");
    expect(rights.map(({ where }) => where)).toEqual(["leases"]);
    expect(rights[0]?.seen).toMatch(/space exceeded/);
    expect(code).toBe(1);
  } finally {
    await etcd.stop();
  }
});

test("data that went bad is an alarm, and that nothing can be read any more is told with it", async () => {
  const etcd = await startEtcd();
  try {
    const { header } = (await etcd.call("/v3/maintenance/status", {})) as {
      header: { member_id: string };
    };
    const alarm = { action: "ACTIVATE", memberID: header.member_id, alarm: "CORRUPT" };
    await etcd.call("/v3/maintenance/alarm", alarm);
    const { code, findings, of } = await doctor(["--endpoints", etcd.endpoint]);
    expect(of("alarms")).toEqual([expect.stringMatching(/^problem: .*CORRUPT/)]);
    expect(findings.find(({ check }) => check === "alarms")?.remedy).toMatch(/add it anew/);
    expect(of("sign-in").concat(of("rights")).join("\n")).toMatch(/corrupt/);
    expect(code).toBe(1);
  } finally {
    await etcd.stop();
  }
});
