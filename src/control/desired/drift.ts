import { isDeepStrictEqual } from 'node:util'
import type { Drift } from '../../admin/answers.ts'
import type { ServerChange as AdminServerChange } from '../../admin/server-settings.ts'
import type { Server } from '../../config/server.ts'
import type { Upstream } from '../../config/upstream.ts'
import { type DesiredState, upstreamNamed } from './desired-state.ts'
import { writtenServer } from './effective-config.ts'
import type { ServerChange, UpstreamChange } from './operator-changes.ts'

/** What the operator's changes say, and the file or the source of a server does not, one sentence each. */
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
    return [{ upstream, server: null, message: 'there is no such upstream; the changes to it have no effect' }]
  }
  const paused = pause === undefined ? [] : [{ upstream, server: null, message: `paused by ${pause.by}` }]
  const changed = Object.entries(servers).flatMap(([id, change]) => {
    const inFile = base.servers.find((server) => server.id === id)
    const server = typeof change.settings.name === 'string' ? change.settings.name : (inFile?.name ?? id)
    return serverDrift(change, inFile, base).map((message) => ({ upstream, server, message }))
  })
  return [...paused, ...changed]
}

function serverDrift(change: ServerChange, base: Server | undefined, { sources, source }: Upstream): string[] {
  if (base === undefined) {
    const isFound = sources.length > 0 || source !== undefined
    if (change.isRemoved === true)
      return [isFound ? 'removed; no source finds it at present' : 'removed; so it is in the file']
    if (change.drain?.removes === true)
      return [isFound ? 'no source finds it any more, and it drains first' : 'removed from the file, and drained first']
    const what = change.isAdded === true ? 'added' : 'changed, without effect'
    return [`${what}; ${isFound ? 'neither the file nor a source has it' : 'the file does not have it'}`]
  }
  const teller = base.source === undefined ? 'the file' : 'its source'
  if (change.isRemoved === true) return [`removed; ${teller} has it`]
  const written = writtenServer(base)
  return [
    ...stateDrift(change, base).map((admin) => `${admin}; ${teller} says ${stateInWords(base)}`),
    ...Object.entries(change.settings)
      .filter(([key, value]) => key !== 'id' && !isDeepStrictEqual(value, written[key]))
      .map(([key, value]) => `${key} ${inWords(value)}; ${teller} says ${inWords(written[key] ?? 'nothing')}`),
  ]
}

/** The admin state of a change, where it is another than that of its server, or lies on top of what a source says. */
function stateDrift({ admin, drain }: ServerChange, base: Server): string[] {
  if (admin === undefined) return []
  const isSame = base.source === undefined ? admin === stateInFile(base) && drain === undefined : admin === 'ready'
  return isSame ? [] : [admin]
}

/** In the words of sources where one has found it. */
function stateInWords(base: Server): string {
  return base.source !== undefined && base.down ? 'down' : stateInFile(base)
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
