import { type Check, fine, notChecked, problem, warning } from "../finding.ts";
import type { ApiFacts } from "../facts.ts";
import { counted } from "../names.ts";

/** Whether the records are where this client looks for them. */
export const apis: Check<ApiFacts> = {
  name: "api",
  title: "API",
  look: ({ api, v2, v3, version }) => {
    if (api === 2 && v2.told && v2.value === undefined) {
      const remedy = `Start etcd with --enable-v2, which it knows up to 3.5, or use --api 3.`;
      return [problem(`API 2 is asked for, and ${etcd(version)} does not serve it`, { remedy })];
    }
    const mine = api === 3 ? v3 : v2;
    const others = api === 3 ? v2 : v3;
    if (!mine.told) return [notChecked(mine.why)];
    const count = `${counted(mine.value ?? 0, "record")} under API ${api}`;
    if (!others.told) return [fine(count), notChecked(others.why, `API ${5 - api}`)];
    if (others.value === undefined) return [fine(`${count}; API 2 is not served`)];
    if (others.value === 0) return [fine(`${count}, none under API ${5 - api}`)];
    const elsewhere = `${others.value} under API ${5 - api}`;
    const remedy = `What is written by one API is not seen by the other. --api ${5 - api} (ETCD_API=${5 - api}) sees the others; one fleet needs one API (docs/from-go.md).`;
    const seen = `${count}, ${elsewhere}`;
    return [mine.value === 0 ? problem(seen, { remedy }) : warning(seen, { remedy })];
  },
};

function etcd(version: string | undefined): string {
  return version === undefined ? "etcd" : `etcd ${version}`;
}
