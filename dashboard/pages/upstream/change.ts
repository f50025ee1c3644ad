import { type ReadonlySignal, signal } from '@preact/signals'
import type { ServerWithSettings } from '../../../src/admin/answers.ts'
import type { Plan } from '../../../src/admin/planning.ts'
import { change, getText, pathOfServer } from '../../state/api.ts'
import { mayChange } from '../../state/signing-in.ts'

export type ChangeKind = 'ready' | 'drain' | 'maintenance' | 'weight'

/** A change of a server that an operator thinks about. */
export interface ServerChange {
  readonly kind: ChangeKind
  readonly upstream: string
  readonly server: string
}

/** What happens at a drain's deadline to the sessions that are left. */
export type AtDeadline = 'move' | 'refuse' | 'keep'

export interface Choices {
  readonly weight: number
  /** Such as `5m`; empty: as the configuration says, or none. */
  readonly deadline: string
  readonly atDeadline: AtDeadline
}

const consideredNow = signal<ServerChange | undefined>(undefined)

export const considered: ReadonlySignal<ServerChange | undefined> = consideredNow

/** Asks before it is done, if whoever uses the dashboard may do it at all. */
export function considerChange(next: ServerChange): void {
  if (mayChange()) consideredNow.value = next
}

export function forgetChange(): void {
  consideredNow.value = undefined
}

/** A server as it is, and the tag that says so. */
export interface Found {
  readonly server: ServerWithSettings
  readonly etag: string
  readonly choices: Choices
}

/**
 * Reads the server, and what the configuration says of drains.
 *
 * @throws ApiError
 */
export async function find({ kind, upstream, server: name }: ServerChange): Promise<Found> {
  const { text, etag } = await getText(pathOfServer(upstream, name), 'application/json')
  const server = JSON.parse(text) as ServerWithSettings
  const drain = kind === 'drain' ? await drainOf(upstream) : undefined
  const choices = { weight: server.weight, deadline: drain?.deadline ?? '', atDeadline: drain?.then ?? 'move' }
  return { server, etag, choices }
}

interface Configured {
  readonly upstreams: Readonly<
    Record<string, { readonly drain?: { readonly deadline?: string; readonly then?: AtDeadline } }>
  >
}

async function drainOf(upstream: string) {
  const { text } = await getText('/v1/config', 'application/json')
  return (JSON.parse(text) as Configured).upstreams[upstream]?.drain
}

/**
 * What the change would do; of a drain, at its deadline.
 *
 * @throws ApiError
 */
export function plan({ kind, upstream, server }: ServerChange, choices: Choices): Promise<Plan> {
  const body = kind === 'drain' ? { admin: 'drain', ...fateIn(choices) } : settingsOf(kind, choices)
  return change<Plan>('POST', `${pathOfServer(upstream, server)}/plan`, body)
}

/**
 * Makes the change, if the server still is as it was found.
 *
 * @param isForced even if no server is left that may serve new users
 * @throws ApiError
 */
export async function make(
  { kind, upstream, server }: ServerChange,
  choices: Choices,
  { etag }: Found,
  isForced: boolean,
): Promise<void> {
  const path = pathOfServer(upstream, server)
  const query = isForced ? '?force=true' : ''
  const headers = { 'If-Match': etag }
  if (kind === 'drain') {
    const { deadline } = choices
    await change('PUT', `${path}/drain${query}`, { ...(deadline !== '' && { deadline }), ...fateIn(choices) }, headers)
  } else {
    await change('PATCH', `${path}${query}`, settingsOf(kind, choices), headers)
  }
}

function settingsOf(kind: Exclude<ChangeKind, 'drain'>, { weight }: Choices) {
  return kind === 'weight' ? { weight } : { admin: kind }
}

function fateIn({ atDeadline }: Choices) {
  // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
  return { then: atDeadline }
}
