import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Case } from './fixture.ts'
import { tableIn } from './markdown.ts'

/** How a server reads a client's bytes: the number of requests that it serves, and whether it then refuses anything. */
export interface Verdict {
  readonly served: number
  readonly refused: boolean
}

/** How Limpet reads them, according to the fixture. */
export function verdictOf({ outcome, responses }: Case): Verdict {
  const final = outcome.statuses.filter((status) => status >= 200)
  if (responses.length > 0) return { served: final.length, refused: false }
  return {
    served: final.filter((status) => status < 400).length,
    refused: final.some((status) => status >= 400),
  }
}

const inWords = ({ served, refused }: Verdict) => `${served}${refused ? ', refused' : ''}`

/** The differences between an oracle and Limpet, compared with the table of known differences. */
export class Differences {
  readonly #found: Record<string, string>[] = []
  readonly #oracle: string

  constructor(oracle: string) {
    this.#oracle = oracle
  }

  note(fixture: Case, theirs: Verdict): void {
    this.compare(fixture.name, inWords(verdictOf(fixture)), inWords(theirs))
  }

  compare(name: string, ours: string, theirs: string): void {
    if (ours !== theirs) this.#found.push({ case: name, Limpet: ours, [this.#oracle]: theirs })
  }

  /** Fails for a difference that is not in the table, and for one in the table that no longer exists. */
  areThoseIn(file: string): void {
    const rows = tableIn(readFileSync(new URL(`fixtures/${file}`, import.meta.url), 'utf8'))
    for (const row of rows) ok(row.why, `${row.case}: no reason given`)
    const known = rows.map(({ why: _, ...row }) => inOneLine(row))
    const found = this.#found.map(inOneLine)
    const unlisted = found.filter((difference) => !known.includes(difference))
    const gone = known.filter((difference) => !found.includes(difference))
    deepEqual({ unlisted, gone }, { unlisted: [], gone: [] })
  }
}

const inOneLine = (row: Readonly<Record<string, string>>) => Object.values(row).join(' | ')
