import { nearest } from '../../../config/nearest.ts'
import type { Container } from '../container.ts'
import { type Label, LabelMistakes } from '../label-mistakes.ts'
import type { Fields } from './fields.ts'
import { type Key, keyOf, keys } from './keys.ts'
import { middlewareKinds } from './middlewares/kinds.ts'
import { parseSwitch } from './values.ts'

export const sections = ['routers', 'services', 'middlewares'] as const
export type Section = (typeof sections)[number]

/** What Traefik's labels of one container say. */
export interface ContainerLabels {
  readonly container: Container
  readonly routers: ReadonlyMap<string, Fields>
  /** Routers with a label that Traefik does not know. It may have been meant to protect them, and Traefik would not serve them either. */
  readonly unreadable: ReadonlySet<string>
  readonly services: ReadonlyMap<string, Fields>
  readonly middlewares: ReadonlyMap<string, Fields>
  /** The network on which it is reached. */
  readonly network?: string
  /** Whether Traefik serves it even though no router names a rule. */
  readonly isEnabled: boolean
}

/** What was read of labels, and what is wrong with them: of 10,000 containers, few change at a time. */
const readBefore = new WeakMap<Container['labels'], { labels: ContainerLabels | undefined; mistakes: LabelMistakes }>()

/**
 * Reads the labels of a container.
 *
 * @returns undefined if it has none of Traefik's, or is not to be served
 */
export function labelsOf(container: Container, mistakes: LabelMistakes): ContainerLabels | undefined {
  let read = readBefore.get(container.labels)
  if (read === undefined) {
    const own = new LabelMistakes()
    read = { labels: readLabels(container, own), mistakes: own }
    readBefore.set(container.labels, read)
  }
  mistakes.include(read.mistakes)
  return read.labels && { ...read.labels, container }
}

function readLabels(container: Container, mistakes: LabelMistakes): ContainerLabels | undefined {
  const labels = Object.entries(container.labels)
    .filter(([label]) => /^traefik\./i.test(label))
    .map(([label, value]): Label => ({ container, label, value }))
  const enable = labels.find(({ label }) => label.toLowerCase() === 'traefik.enable')
  const isEnabled = enable === undefined ? undefined : (mistakes.attempt(enable, parseSwitch) ?? false)
  if (labels.length === 0 || isEnabled === false) return undefined
  const found = { routers: new Map<string, Map<string, Label>>(), services: new Map(), middlewares: new Map() }
  const unreadable = new Set<string>()
  let network: string | undefined
  for (const label of labels) {
    const { parts, section, name, rest } = placeOf(label.label)
    if (isUsed(label, parts, section, rest, mistakes) && section !== undefined && name !== undefined) {
      const fields = found[section].get(name) ?? new Map<string, Label>()
      found[section].set(name, fields.set(rest.join('.'), label))
    } else if (section === 'routers' && name !== undefined) unreadable.add(name)
    if (/^traefik\.(docker|swarm)\.network$/i.test(label.label)) network = label.value.trim()
  }
  return { container, ...found, unreadable, ...(network !== undefined && { network }), isEnabled: isEnabled === true }
}

interface Place {
  /** In lower case, with `NAME` in place of the name, and `[n]` in place of an index. */
  readonly parts: readonly string[]
  readonly section?: Section
  readonly name?: string
  readonly rest: readonly string[]
}

/** Names keep their case; what Traefik itself names has none. */
function placeOf(label: string): Place {
  const parts = label
    .toLowerCase()
    .split('.')
    .map((part) => part.replace(/\[\d+\]$/, '[n]'))
  const name = label.split('.')[3]
  if (parts[1] !== 'http' || name === undefined) return { parts, rest: [] }
  const section = sections.find((section) => section === parts[2])
  const named = [...parts.slice(0, 3), 'NAME', ...parts.slice(4)]
  return { parts: named, ...(section !== undefined && { section }), name, rest: parts.slice(4) }
}

/** Whether the label is to be read further; if not, this is reported where necessary. */
function isUsed(
  label: Label,
  parts: readonly string[],
  section: Section | undefined,
  rest: readonly string[],
  mistakes: LabelMistakes,
): boolean {
  // Unsupported labels of middlewares are reported only for middlewares that a router uses.
  if (section === 'middlewares') {
    if (rest[0] !== 'chain' && !middlewareKinds.has(rest[0] ?? ''))
      mistakes.add(label, 'is no kind of middleware', kindMeant(rest[0]))
    return true
  }
  const key = keyOf(parts)
  const consequence = section === 'routers' ? ': the router is not served' : ''
  if (key === undefined) mistakes.add(label, `is no label of Traefik${consequence}`, suggestion(parts))
  else if (key.meaning === 'refused')
    mistakes.add({ ...label, label: refusedPart(label.label, key) }, 'is not supported', key.why)
  else if (key.meaning === 'noted') mistakes.note(label, key.why)
  return key !== undefined
}

/** A router of TCP has several labels, and is reported once. */
function refusedPart(label: string, { key }: Key): string {
  return key.endsWith('*') ? label.split('.').slice(0, 4).join('.') : label
}

function kindMeant(kind = ''): string | undefined {
  const meant = nearest(kind, [...middlewareKinds.keys()])
  return meant && `did you mean ${meant}?`
}

function suggestion(parts: readonly string[]): string | undefined {
  const meant = nearest(
    parts.join('.'),
    keys.map(({ key }) => key),
  )
  return meant && `did you mean ${meant}?`
}
