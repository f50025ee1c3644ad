import { isDeepStrictEqual } from 'node:util'
import type { Drift } from '../../admin/answers.ts'
import type { ServerChange as AdminServerChange } from '../../admin/server-settings.ts'
import type { Server } from '../../config/server.ts'
import type { Upstream } from '../../config/upstream.ts'
import { type DesiredState, upstreamNamed } from './desired-state.ts'
import { writtenServer } from './effective-config.ts'
import type { ServerChange, UpstreamChange } from './operator-changes.ts'

/** What the operator's changes say and the file does not, one sentence each. */
export function driftOf({ base, changes, conflicts }: DesiredState): Drift[] {
  const whole = changes.config
  return [
    ...(whole === undefined
      ? []
      : [
          {
            upstream: '',
            server: null,
            message: `the whole configuration is that of ${whole.by}; the file has no effect`,
          },
        ]),
    ...Object.entries(changes.upstreams).flatMap(([name, change]) =>
      upstreamDrift(name, change, upstreamNamed(base, name)),
    ),
    ...conflicts.map((message) => ({ upstream: '', server: null, message })),
  ]
}

function upstreamDrift(upstream: string, { pause, servers }: UpstreamChange, base: Upstream | undefined): Drift[] {
  if (base === undefined) {
    return [
      { upstream, server: null, message: 'the file does not have this upstream; the changes to it have no effect' },
    ]
  }
  const paused = pause === undefined ? [] : [{ upstream, server: null, message: `paused by ${pause.by}` }]
  const changed = Object.entries(servers).flatMap(([id, change]) => {
    const inFile = base.servers.find((server) => server.id === id)
    const server = typeof change.settings.name === 'string' ? change.settings.name : (inFile?.name ?? id)
    return serverDrift(change, inFile).map((message) => ({ upstream, server, message }))
  })
  return [...paused, ...changed]
}

function serverDrift(change: ServerChange, inFile: Server | undefined): string[] {
  if (change.isRemoved === true)
    return [inFile === undefined ? 'removed; so it is in the file' : 'removed; the file has it']
  if (inFile === undefined) {
    const what = change.isAdded === true ? 'added' : 'changed, without effect'
    return [
      change.drain?.removes === true
        ? 'removed from the file, and drained first'
        : `${what}; the file does not have it`,
    ]
  }
  const written = writtenServer(inFile)
  const { admin } = change
  return [
    ...(admin === undefined || (admin === stateInFile(inFile) && change.drain === undefined)
      ? []
      : [`${admin}; the file says ${stateInFile(inFile)}`]),
    ...Object.entries(change.settings)
      .filter(([key, value]) => key !== 'id' && !isDeepStrictEqual(value, written[key]))
      .map(([key, value]) => `${key} ${inWords(value)}; the file says ${inWords(written[key] ?? 'nothing')}`),
  ]
}

function inWords(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** What the file says where a server differs from it; undefined if it says the same, null if it does not have the server. */
export function fileOf({ base }: DesiredState, upstream: string, server: Server): AdminServerChange | null | undefined {
  const inFile = upstreamNamed(base, upstream)?.servers.find(({ id }) => id === server.id)
  if (inFile === undefined) return null
  if (inFile === server) return undefined
  const [is, was] = [writtenServer(server), writtenServer(inFile)].map(
    ({ down: _, drain: __, id: ___, ...rest }) => rest,
  )
  const differing = Object.entries(was as Record<string, unknown>).filter(
    ([key, value]) => (is as Record<string, unknown>)[key] !== value,
  )
  const state = stateInFile(inFile) === stateInFile(server) ? {} : { admin: stateInFile(inFile) }
  const file = { ...Object.fromEntries(differing), ...state }
  return Object.keys(file).length === 0 ? undefined : (file as AdminServerChange)
}

function stateInFile({ down, drain }: Server): 'ready' | 'drain' | 'maintenance' {
  return down ? 'maintenance' : drain ? 'drain' : 'ready'
}
