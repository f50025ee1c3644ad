import { z } from 'zod'
import { formatAddress } from '../config/address.ts'
import { Document } from '../config/document.ts'
import { type Problem, shown } from '../config/error.ts'
import { formatPath, type KeyPath } from '../config/key-path.ts'
import { ServerFields } from '../config/server.ts'
import { type Issue, validate } from '../config/validate.ts'
import { MAX_SERVERS } from '../runtime/bounds.ts'
import type { FoundServer, Mistake, ServerList } from './provider.ts'

/** The most mistakes of one list that are shown. */
const MAX_MISTAKES = 100
/** Half a second's work, in characters. */
const LARGEST_YAML = 2 * 1024 * 1024

/** A text is no list of servers. */
export class NoServerList extends Error {
  readonly mistake: Mistake

  constructor(mistake: Mistake) {
    const { where, message, hint } = mistake
    super(`${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`)
    this.mistake = mistake
  }
}

/** A server of a list, and where the list has it. */
interface Entry {
  readonly server: FoundServer
  readonly path: KeyPath
}

/** What one text has of servers, before it is compared with what other texts have. */
export interface ListedServers {
  readonly entries: readonly Entry[]
  /** The servers by what the text says of them: the next reading has the same objects for what did not change. */
  readonly known: Known
  readonly mistakes: readonly Mistake[]
  /** The issue as a mistake with its `file:line:column`. */
  mistake(issue: Issue): Mistake
}

type Known = ReadonlyMap<string, FoundServer>

const EntryFields = ServerFields.extend({ state: z.exactOptional(z.enum(['ready', 'drain', 'away', 'down'])) })
const Settings = z.union([EntryFields, ServerFields.shape.address], 'host:port, or a mapping with an address')

/**
 * One entry of a list: `host:port`, or a mapping as for a server of the configuration, with a `state`. Its name is its address
 * unless it has another or `name` is given, and its id is its name.
 */
export function foundServer(entry: unknown, name?: string): FoundServer | readonly Issue[] {
  const outcome = validate(Settings, entry)
  if ('issues' in outcome) return outcome.issues
  const { value } = outcome
  const { address: endpoint, ...said } = 'address' in value ? value : { address: value }
  const address = formatAddress(endpoint)
  const named = 'name' in said ? said.name : undefined
  const called = named ?? name ?? address
  const id = ('id' in said ? said.id : undefined) ?? called
  if (typeof entry === 'string') return { id, name: called, address }
  const { id: _, name: __, address: ___, state, ...settings } = entry as z.input<typeof EntryFields>
  const others = Object.keys(settings).length > 0 && { settings }
  return { id, name: called, address, ...(state !== undefined && { state }), ...others }
}

/**
 * Reads a text of YAML or JSON: `servers: [ … ]`, or just the list. Entries that are wrong are mistakes, and the others are used.
 *
 * @param name of the text, in messages
 * @param before what was read there the last time
 * @throws NoServerList with what is wrong, where it is no list, or the text ends in the middle
 */
export function readServerList(name: string, text: string, before?: ListedServers): ListedServers {
  const known = before?.known ?? new Map()
  return readJson(name, text, known) ?? readDocument(name, documentOf(name, text), known)
}

/** The servers of all texts as one list: names and ids are unique over all of them, and the first keeps its own. */
export function united(texts: readonly ListedServers[]): ServerList {
  const names = new Set<string>()
  const ids = new Set<string>()
  const servers: FoundServer[] = []
  const mistakes = texts.flatMap((text) => text.mistakes)
  let more = 0
  for (const text of texts) {
    for (const { server, path } of text.entries) {
      const { name, id } = server
      if (servers.length === MAX_SERVERS) throw new NoServerList(text.mistake({ path, message: tooMany }))
      const repeats = repeated(names.has(name), 'name', name) ?? repeated(ids.has(id), 'id', id)
      if (repeats === undefined) {
        names.add(name)
        ids.add(id)
        servers.push(server)
      } else if (mistakes.length < MAX_MISTAKES) mistakes.push(text.mistake({ path, ...repeats }))
      else more++
    }
  }
  return { servers, mistakes: shortened(mistakes, more) }
}

/** What a JSON text has: YAML would take a hundred times longer, and is read only where the place of a mistake is looked for. */
function readJson(name: string, text: string, before: Known): ListedServers | undefined {
  const list = listIn(parsedJson(text))
  if (list === undefined) return undefined
  const { issues, ...read } = entriesOf(name, list, before)
  const isShort = text.length <= LARGEST_YAML
  if (isShort && issues.length > 0) return undefined
  let document: Document | undefined
  const mistake = (issue: Issue) => {
    if (!isShort) return { where: name, message: `${formatPath(issue.path)}: ${issue.message}`, hint: issue.hint }
    document ??= documentOf(name, text)
    return mistakeIn(document, issue)
  }
  return { ...read, mistakes: issues.map(mistake), mistake }
}

function documentOf(name: string, text: string): Document {
  if (text.length > LARGEST_YAML) {
    const message = `expected at most ${LARGEST_YAML} characters of YAML, found ${text.length}`
    throw new NoServerList({ where: name, message, hint: 'write JSON, which is read faster' })
  }
  return new Document(name, text, undefined, 'a list of servers')
}

function parsedJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readDocument(name: string, document: Document, before: Known): ListedServers {
  const { value } = document
  const list = listIn(value)
  if (list === undefined) {
    const [{ where, message, hint }] = document.problems([noListIn(value)]) as [Problem]
    throw new NoServerList({ where, message, hint })
  }
  const { entries, issues, known } = entriesOf(name, list, before)
  const problems = document.problems([...unknownKeys(value), ...issues])
  const wrong = new Set(problems.map(({ path }) => entryIn(path)))
  return {
    entries: entries.filter(({ path }) => !wrong.has(Number(path.at(-1)))),
    known,
    mistakes: problems.map(({ where, path, message, hint }) => ({
      where,
      message: path === '' ? message : `${path}: ${message}`,
      hint,
    })),
    mistake: (issue) => mistakeIn(document, issue),
  }
}

function noListIn(value: unknown): Issue {
  const servers = serversIn(value)
  if (servers === undefined) return { path: [], message: `expected a list of servers, found ${shown(value)}` }
  return { path: ['servers'], message: `expected a list of servers, found ${shown(servers.value)}` }
}

interface List {
  readonly path: KeyPath
  readonly items: readonly unknown[]
}

function listIn(value: unknown): List | undefined {
  if (Array.isArray(value)) return { path: [], items: value }
  const servers = serversIn(value)
  return Array.isArray(servers?.value) ? { path: ['servers'], items: servers.value } : undefined
}

function serversIn(value: unknown): { value: unknown } | undefined {
  const isMapping = value !== null && typeof value === 'object' && !Array.isArray(value)
  return isMapping && 'servers' in value ? { value: value.servers } : undefined
}

interface Entries {
  readonly entries: readonly Entry[]
  readonly issues: readonly Issue[]
  readonly known: Known
}

function entriesOf(name: string, { path: above, items }: List, before: Known): Entries {
  if (items.length > MAX_SERVERS) throw new NoServerList({ where: name, message: tooMany })
  const entries: Entry[] = []
  const issues: Issue[] = []
  const known = new Map<string, FoundServer>()
  for (const [index, item] of items.entries()) {
    const path = [...above, index]
    const said = JSON.stringify(item)
    const found = before.get(said) ?? foundServer(item)
    if ('address' in found) {
      known.set(said, found)
      entries.push({ server: found, path })
    } else issues.push(...found.map((issue) => ({ ...issue, path: [...path, ...issue.path] })))
  }
  return { entries, issues, known }
}

function unknownKeys(value: unknown): Issue[] {
  if (Array.isArray(value)) return []
  return Object.keys(value as object)
    .filter((key) => key !== 'servers')
    .map((key) => ({ path: [key], atKey: true, message: 'unknown key, expected servers' }))
}

/** The index of the entry that a path leads to, as Problem has it. */
function entryIn(path: string): number | undefined {
  const [, index] = /^(?:servers)?\[(\d+)\]/.exec(path) ?? []
  return index === undefined ? undefined : Number(index)
}

function mistakeIn(document: Document, issue: Issue): Mistake {
  const found = document.problems([issue]).find(({ message }) => message.startsWith(issue.message))
  return { where: found!.where, message: found!.message, hint: found!.hint }
}

function repeated(isRepeated: boolean, key: 'name' | 'id', value: string): Omit<Issue, 'path'> | undefined {
  if (!isRepeated) return undefined
  return { message: `expected each ${key} once, found ${shown(value)} again`, hint: `give it another ${key}` }
}

const tooMany = `expected at most ${MAX_SERVERS} servers, found more`

/** @param further how many there are besides */
function shortened(mistakes: readonly Mistake[], further: number): readonly Mistake[] {
  const more = mistakes.length - MAX_MISTAKES + further
  if (more <= 0) return mistakes
  const { where } = mistakes.at(-1)!
  return [...mistakes.slice(0, MAX_MISTAKES), { where, message: `there are ${more} more mistakes` }]
}
