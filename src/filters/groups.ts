import type { PatternMatch } from '../runtime/linear-pattern.ts'

/** A text in which `$1` to `$9` stand for the groups of a match, and `$0` for the match itself. */
export class GroupText {
  /** Text, and behind each the number of the group that follows it: taken apart once. */
  readonly #parts: readonly string[]
  /** From this part on, groups stand behind a question mark. */
  readonly #queryFrom: number

  constructor(text: string) {
    this.#parts = text.split(/\$(\d)/)
    const marked = this.#parts.findIndex((part) => part.includes('?'))
    this.#queryFrom = marked < 0 ? Infinity : marked
  }

  /** @param escaped makes of a group what stands there, given whether that is behind a question mark of the text */
  with(groups: PatternMatch['groups'], escaped: (group: string, isInQuery: boolean) => string): string {
    let text = this.#parts[0]!
    for (let at = 1; at < this.#parts.length; at += 2) {
      const group = groups[Number(this.#parts[at])] ?? ''
      text += escaped(group, at > this.#queryFrom) + this.#parts[at + 1]
    }
    return text
  }
}
