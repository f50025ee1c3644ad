import { readdirSync, readFileSync } from 'node:fs'
import { type Script, scriptsIn } from '../fixture.ts'
import { expectKinds, onlyBlock, readSections, type Section } from '../markdown.ts'
import { type Names, substitute, textOf } from '../notation.ts'
import { type Conversation, conversationOf } from './notation.ts'

const FOLDER = new URL('fixtures/', import.meta.url)

/** One case of a fixture file: a section, or one row of the section's table. */
export interface Case {
  readonly file: string
  /** `file: section`, and the first cell of the row. */
  readonly name: string
  readonly prose: string
  readonly client: Conversation
  /** Whether the client sends nothing but what its block has: no preface, no settings. */
  readonly isRaw: boolean
  /** Whether every byte of the client is a segment. */
  readonly isSplit: boolean
  /** Exactly what the origin gets. */
  readonly forwarded: string | undefined
  readonly responses: readonly Script[]
  /** Exactly what the client gets on its streams. */
  readonly received: string | undefined
  readonly outcome: Outcome
  readonly leeway: Leeway
}

/** The outcome for the client. */
export interface Outcome {
  /** What became of each stream: the statuses of its responses, `open` if the last one does not end, and an error code. */
  readonly streams: Readonly<Record<string, string>>
  /** The error code with which the connection ends; `closed` for none. Empty if it stays open. */
  readonly connection: string
  /** The data of the pings that are acknowledged. */
  readonly pings: readonly string[]
  /** The status of a response in HTTP/1.1, for a client that does not speak HTTP/2. */
  readonly http1: number | undefined
}

/** What else may be. */
export interface Leeway {
  /** Whether the origin may get the start of an incomplete request. */
  readonly unfinished: boolean
  /** Whether streams may become anything, as long as the connection can be used. */
  readonly any: boolean
  /** Whether the connection has no room for another stream at the end. */
  readonly full: boolean
}

export function allCases(): Case[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md') && !file.endsWith('-differences.md'))
    .flatMap((file) => casesOf(file, readFileSync(new URL(file, FOLDER), 'utf8')))
}

function casesOf(file: string, markdown: string): Case[] {
  const base = file.replace(/\.md$/, '')
  return readSections(file, markdown, (section) => {
    if (section.rows.length === 0) return [caseOf(base, section, undefined, {})]
    return section.rows.map((row) => caseOf(base, section, Object.values(row)[0], row))
  })
}

function caseOf(file: string, { title, prose, blocks }: Section, row: string | undefined, names: Names): Case {
  expectKinds(blocks, ['client', 'forwarded', 'response', 'received', 'outcome'])
  const client = onlyBlock(blocks, 'client')
  const outcome = names.outcome ?? onlyBlock(blocks, 'outcome')?.text.trim()
  if (client === undefined || outcome === undefined) throw new Error('no client, or no outcome')
  const forwarded = onlyBlock(blocks, 'forwarded')?.text
  const received = onlyBlock(blocks, 'received')?.text
  const isAccepted = outcome.includes('200')
  return {
    file,
    name: `${file}: ${title}${row === undefined ? '' : ` › ${row}`}`,
    prose: `${prose}\n${names.why ?? ''}`,
    client: conversationOf(client.text, names),
    isRaw: client.note.includes('raw'),
    isSplit: client.note.includes('split'),
    // Some rows of a table may be accepted and others refused; only accepted requests are forwarded.
    forwarded: forwarded === undefined || !isAccepted ? undefined : textOf(forwarded, names),
    responses: scriptsIn(blocks, names),
    received: received === undefined || !isAccepted ? undefined : substitute(received, names),
    outcome: outcomeOf(outcome),
    leeway: leewayOf(outcome),
  }
}

function outcomeOf(text: string): Outcome {
  const streams: Record<string, string> = {}
  const pings: string[] = []
  let connection = ''
  let http1: number | undefined
  for (const part of text.split(', ')) {
    const [, key = '', value = ''] = /^(GOAWAY|PING|HTTP\/1\.1|\d+: |\d+\.\.\.\d+: |)(.*)$/.exec(part) ?? []
    if (key === 'GOAWAY') connection = value.trim()
    else if (key === 'PING') pings.push(value.trim())
    else if (key === 'HTTP/1.1') http1 = Number(value)
    else if (part === 'closed') connection = 'closed'
    else if (!LEEWAY.includes(part)) for (const stream of streamsIn(key)) streams[stream] = became(value)
  }
  return { streams, connection: http1 === undefined ? connection : 'closed', pings, http1 }
}

const LEEWAY = ['nothing', 'any', 'unfinished', 'full']

function leewayOf(outcome: string): Leeway {
  const parts = outcome.split(', ')
  return { unfinished: parts.includes('unfinished'), any: parts.includes('any'), full: parts.includes('full') }
}

/** `3: `; `1...5: ` for the streams 1, 3 and 5; nothing for the first one. */
function streamsIn(key: string): number[] {
  const [first = 1, last = first] = (key.match(/\d+/g) ?? []).map(Number)
  return Array.from({ length: (last - first) / 2 + 1 }, (_, index) => first + 2 * index)
}

function became(text: string): string {
  if (!/^(\d{3}|[A-Z_]+|open)( \d{3}| [A-Z_]+| open)*$/.test(text))
    throw new Error(`${JSON.stringify(text)} is not an outcome`)
  return text
}
