/**
 * The candidate that a misspelt or shortened word (`least_conn`) most likely means, or undefined if none is close. Ignores
 * case.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  return misspelt(word, candidates) ?? onlyWithPrefix(word, candidates)
}

/** The candidate that a misspelt word most likely means, or undefined if none is close. Ignores case. */
export function misspelt(word: string, candidates: readonly string[]): string | undefined {
  const reach = Math.max(1, Math.floor(word.length / 3))
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > reach) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance <= reach && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance }
  }
  return best?.candidate
}

/** The only candidate that starts with the word, ignoring hyphens and underscores; the word needs at least four letters. */
function onlyWithPrefix(word: string, candidates: readonly string[]): string | undefined {
  const matches = candidates.filter((candidate) => lettersOf(candidate).startsWith(lettersOf(word)))
  return lettersOf(word).length > 3 && matches.length === 1 ? matches[0] : undefined
}

function lettersOf(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

/** The number of insertions, deletions, substitutions and swaps of adjacent letters (optimal string alignment distance). */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const substitution = last[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1)
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      const swap = swapped ? beforeLast[column - 2]! + 1 : Number.POSITIVE_INFINITY
      current[column] = Math.min(current[column - 1]! + 1, last[column]! + 1, substitution, swap)
    }
    beforeLast = last
    last = current
  }
  return last[to.length]!
}
