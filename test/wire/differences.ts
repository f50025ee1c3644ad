import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Case, tableIn } from './fixture.ts'

/** How somebody takes a client's bytes: how many requests are served, and whether something else is refused then. */
export interface Verdict {
  readonly served: number
  readonly refused: boolean
}

/** How Limpet takes them, by the fixture. */
export function verdictOf({ outcome, responses }: Case): Verdict {
  const final = outcome.statuses.filter((status) => status >= 200)
  if (responses.length > 0) return { served: final.length, refused: false }
  return {
    served: final.filter((status) => status < 400).length,
    refused: final.some((status) => status >= 400),
  }
}

const inWords = ({ served, refused }: Verdict) => `${served}${refused ? ', refused' : ''}`

/** Where an oracle differs from Limpet, against the table in which those differences are written down. */
export class Differences {
  readonly #found: Record<string, string>[] = []
  readonly #oracle: string

  constructor(oracle: string) {
    this.#oracle = oracle
  }

  note(fixture: Case, theirs: Verdict): void {
    const ours = verdictOf(fixture)
    if (ours.served === theirs.served && ours.refused === theirs.refused) return
    this.#found.push({ case: fixture.name, Limpet: inWords(ours), [this.#oracle]: inWords(theirs) })
  }

  /** Fails for a difference that is not in the table, and for one in the table that is no more. */
  areThoseIn(file: string): void {
    const rows = tableIn(readFileSync(new URL(`fixtures/${file}`, import.meta.url), 'utf8'))
    for (const row of rows) ok(row.why, `${row.case}: no reason is given`)
    const known = rows.map(({ why: _, ...row }) => inOneLine(row))
    const found = this.#found.map(inOneLine)
    const unlisted = found.filter((difference) => !known.includes(difference))
    const gone = known.filter((difference) => !found.includes(difference))
    deepEqual({ unlisted, gone }, { unlisted: [], gone: [] })
  }
}

const inOneLine = (row: Readonly<Record<string, string>>) => Object.values(row).join(' | ')
