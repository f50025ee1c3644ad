import { readdirSync, readFileSync } from 'node:fs'
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
  const [, ...sections] = markdown.split(/^## /m)
  return sections.flatMap((section) => {
    try {
      return casesOfSection(file, section)
    } catch (error) {
      throw new Error(`${file}, "${section.split('\n')[0]}": ${(error as Error).message}`)
    }
  })
}

interface Block {
  readonly kind: string
  readonly note: string
  readonly text: string
}

function casesOfSection(file: string, section: string): Case[] {
  const title = section.slice(0, section.indexOf('\n')).trim()
  const blocks: Block[] = []
  const rest = section.replace(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm, (_, kind: string, note: string, text: string) => {
    blocks.push({ kind, note, text })
    return ''
  })
  const prose = rest.replace(/^\|.*$/gm, '').slice(title.length)
  const rows = tableIn(rest)
  const base = file.replace(/\.md$/, '')
  if (rows.length === 0) return [caseOf(base, title, prose, blocks, undefined, {})]
  return rows.map((row) => caseOf(base, title, prose, blocks, Object.values(row)[0], row))
}

function caseOf(
  file: string,
  section: string,
  prose: string,
  blocks: readonly Block[],
  row: string | undefined,
  names: Names,
): Case {
  const named = (kind: string) => blocks.filter((block) => block.kind === kind)
  const only = (kind: string) => {
    const all = named(kind)
    if (all.length > 1) throw new Error(`more than one ${kind} block`)
    return all[0]?.text
  }
  for (const { kind } of blocks) {
    if (!['request', 'forwarded', 'response', 'received', 'outcome'].includes(kind))
      throw new Error(`unknown block ${kind}`)
  }
  const outcome = names.outcome ?? only('outcome')?.trim()
  if (outcome === undefined) throw new Error('no outcome')
  const request = stepsOf(only('request') ?? ORDINARY_REQUEST, names)
  const forwarded = only('forwarded')
  const received = only('received')
  const { statuses } = outcomeOf(outcome)
  return {
    file,
    section,
    name: `${file}: ${section}${row === undefined ? '' : ` › ${row}`}`,
    prose: `${prose}\n${names.why ?? ''}`,
    request,
    requestText: said(request),
    // Some rows of a table may be accepted and others refused; only accepted requests are forwarded.
    forwarded: forwarded === undefined || !statuses.includes(200) ? undefined : textOf(forwarded, names),
    responses: named('response').map(({ note, text }) => ({ early: note === 'early', steps: stepsOf(text, names) })),
    received: received === undefined || !statuses.every((status) => status < 500) ? undefined : textOf(received, names),
    outcome: outcomeOf(outcome),
  }
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

/** The rows of the Markdown tables in a text, by the names of the columns. */
export function tableIn(markdown: string): Record<string, string>[] {
  const [heads, , ...rows] = markdown.split('\n').filter((line) => line.startsWith('|'))
  if (heads === undefined) return []
  const columns = cellsOf(heads)
  return rows.map((line) => {
    const cells = cellsOf(line)
    if (cells.length !== columns.length) throw new Error(`a row has ${cells.length} cells: ${line}`)
    return Object.fromEntries(columns.map((column, index) => [column, cells[index]!]))
  })
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
}
