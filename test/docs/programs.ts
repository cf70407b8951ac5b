import { type Fence, fences } from "./pages.ts";

/** One or several blocks of a page that make a program. */
export interface DocProgram {
  /** Where its first block is. */
  readonly name: string;

  /** The name of its file, without a folder. */
  readonly file: string;
  readonly text: string;

  /** What it prints, in this order. */
  readonly prints: readonly string[];

  /** It does not come to its end by itself. */
  readonly forever: boolean;

  /** Why it is compiled only; undefined: it is run. */
  readonly notRun: string | undefined;

  /** It needs an etcd with certificates, users and roles. */
  readonly secure: boolean;
}

/**
 * The programs in `js` and `ts`: each block is one, unless its mark `continues` makes it a part of
 * the one before it on its page. What is pasted from `examples/` is compiled and run there.
 */
export function docPrograms(all: readonly Fence[] = fences): DocProgram[] {
  const groups: Fence[][] = [];
  for (const fence of all) {
    if (!["js", "ts"].includes(fence.language) || "from" in fence.marks) continue;
    const before = groups.at(-1);
    if ("continues" in fence.marks) {
      if (before?.[0]?.page !== fence.page) throw new Error(`${fence.name} continues nothing`);
      before.push(fence);
    } else groups.push([fence]);
  }
  return groups.map((group) => {
    const [first] = group;
    if (first === undefined) throw new Error("a program without blocks");
    const marks = group.map((fence) => fence.marks);
    return {
      name: first.name,
      file: `${first.page.replaceAll(/[^\w]+/g, "-")}-${first.line}.${first.language}`,
      text: group.map(({ text }) => text).join("\n"),
      prints: marks.flatMap(({ prints }) => (prints === undefined ? [] : [prints])),
      forever: marks.some((each) => "forever" in each),
      notRun: marks.find((each) => "no-run" in each)?.["no-run"],
      secure: marks.some((each) => "secure" in each),
    };
  });
}
