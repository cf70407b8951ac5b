/** What cannot be seen, or turns the text around it: control, formatting and bidirectional characters, line breaks. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/**
 * Text of a record as it is shown: nothing in it can pretend to be other text than it is. Joiners of
 * emoji and of some scripts are written out, too: in a hostname they are as good a disguise.
 */
export function visibleText(text: string): string {
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
