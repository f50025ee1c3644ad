const FOLDED = '(?i)'

/** What is not copied as it is: an escape and a class are, and so are not looked into. */
const token = /\\.|\[(?:\\.|[^\]\\])*\]|\(\?P?<\w+>|\$/gs

/**
 * A regular expression of Limpet as one of PCRE: `.` is any byte, and `$` the very end. Groups have no names, since nginx would make
 * variables of them.
 */
export function forPcre(source: string): string {
  const isFolded = source.startsWith(FOLDED)
  const pattern = source.slice(isFolded ? FOLDED.length : 0).replaceAll(token, (found) => {
    if (found === '$') return '\\z'
    return found.startsWith('(') ? '(' : found
  })
  return `(?s${isFolded ? 'i' : ''})${pattern}`
}
