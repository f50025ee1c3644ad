import { readdirSync, readFileSync } from 'node:fs'
import { type Block, expectKinds, onlyBlock, readSections, type Section } from './markdown.ts'
import { type Names, type Step, said, stepsOf, textOf } from './notation.ts'

const FOLDER = new URL('fixtures/', import.meta.url)

/** The origin's response to one request. */
export interface Script {
  /** Whether it responds as soon as the head of the request has arrived. */
  readonly early: boolean
  readonly steps: readonly Step[]
}

/** The outcome for the client. */
export interface Outcome {
  /** The status of every response, interim ones included. */
  readonly statuses: readonly number[]
  /** Whether the connection stays open, closes after the last response, or breaks in the middle of it. */
  readonly connection: 'open' | 'closed' | 'broken'
  /** Whether the origin may get the start of an incomplete request. */
  readonly unfinished: boolean
}

/** One case of a fixture file: a section, or one row of the section's table. */
export interface Case {
  readonly file: string
  readonly section: string
  /** `file: section`, and the first cell of the row. */
  readonly name: string
  readonly prose: string
  readonly request: readonly Step[]
  /** Everything that the client sends. */
  readonly requestText: string
  /** Exactly what the origin gets. */
  readonly forwarded: string | undefined
  readonly responses: readonly Script[]
  /** Exactly what the client gets. */
  readonly received: string | undefined
  readonly outcome: Outcome
}

const ORDINARY_REQUEST = 'GET / HTTP/1.1\nHost: a\n\n'

export function allCases(): Case[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md') && !file.endsWith('-differences.md'))
    .flatMap((file) => casesOf(file, readFileSync(new URL(file, FOLDER), 'utf8')))
}

export function casesOf(file: string, markdown: string): Case[] {
  const base = file.replace(/\.md$/, '')
  return readSections(file, markdown, (section) => {
    if (section.rows.length === 0) return [caseOf(base, section, undefined, {})]
    return section.rows.map((row) => caseOf(base, section, Object.values(row)[0], row))
  })
}

function caseOf(file: string, { title, prose, blocks }: Section, row: string | undefined, names: Names): Case {
  expectKinds(blocks, ['request', 'forwarded', 'response', 'received', 'outcome'])
  const only = (kind: string) => onlyBlock(blocks, kind)?.text
  const outcome = names.outcome ?? only('outcome')?.trim()
  if (outcome === undefined) throw new Error('no outcome')
  const request = stepsOf(only('request') ?? ORDINARY_REQUEST, names)
  const forwarded = only('forwarded')
  const received = only('received')
  const { statuses } = outcomeOf(outcome)
  return {
    file,
    section: title,
    name: `${file}: ${title}${row === undefined ? '' : ` › ${row}`}`,
    prose: `${prose}\n${names.why ?? ''}`,
    request,
    requestText: said(request),
    // Some rows of a table may be accepted and others refused; only accepted requests are forwarded.
    forwarded: forwarded === undefined || !statuses.includes(200) ? undefined : textOf(forwarded, names),
    responses: scriptsIn(blocks, names),
    received: received === undefined || !statuses.every((status) => status < 500) ? undefined : textOf(received, names),
    outcome: outcomeOf(outcome),
  }
}

/** The origin's responses in a section. */
export function scriptsIn(blocks: readonly Block[], names: Names): Script[] {
  return blocks
    .filter(({ kind }) => kind === 'response')
    .map(({ note, text }) => ({ early: note === 'early', steps: stepsOf(text, names) }))
}

function outcomeOf(text: string): Outcome {
  const match = /^(\d{3}(?: \d{3})*)(?: (closed|broken))?(, unfinished)?$/.exec(text)
  if (match === null) throw new Error(`${JSON.stringify(text)} is not an outcome`)
  return {
    statuses: match[1]!.split(' ').map(Number),
    connection: (match[2] as 'closed' | 'broken' | undefined) ?? 'open',
    unfinished: match[3] !== undefined,
  }
}
