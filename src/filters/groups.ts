import type { PatternMatch } from '../runtime/linear-pattern.ts'

/**
 * The text with the groups of a match in the place of `$1` to `$9`, and the match itself in that of `$0`.
 *
 * @param escaped makes of a group what stands there, given whether that is behind a question mark of the text
 */
export function withGroups(
  text: string,
  groups: PatternMatch['groups'],
  escaped: (group: string, isInQuery: boolean) => string,
): string {
  const mark = text.indexOf('?')
  return text.replace(/\$(\d)/g, (_, number, at: number) =>
    escaped(groups[Number(number)] ?? '', mark >= 0 && at > mark),
  )
}
