import type { PatternMatch } from '../runtime/linear-pattern.ts'

/** The text with the groups of a match in the place of `$1` to `$9`, and the match itself in that of `$0`. */
export function withGroups(text: string, groups: PatternMatch['groups'], escaped: (group: string) => string): string {
  return text.replace(/\$(\d)/g, (_, number) => escaped(groups[Number(number)] ?? ''))
}
