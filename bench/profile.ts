import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Window } from './case.ts'

/** The parts of V8's .cpuprofile that are used here. */
export interface CpuProfile {
  /** In µs of the machine's monotonic clock. */
  readonly startTime: number
  readonly nodes: readonly ProfileNode[]
  /** The id of the top node of each sample. */
  readonly samples: readonly number[]
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

/** A function and its self time. */
export interface SelfTime {
  readonly name: string
  /** `src/exchange/exchange.ts:42`; empty for V8's own and native code. */
  readonly place: string
  /** µs */
  readonly time: number
}

/** The profile of the busiest thread, of all profiles in the folder. */
export async function busiestProfile(folder: string, window: Window): Promise<{ file: string; profile: CpuProfile }> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
  if (files.length === 0) throw new Error(`no profile was written to ${folder}`)
  const profiles = await Promise.all(
    files.map(async (name) => {
      const file = join(folder, name)
      const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile
      return { file, profile, busy: total(selfTimes(profile, window)) }
    }),
  )
  return profiles.reduce((most, each) => (each.busy > most.busy ? each : most))
}

/** The self times of functions in the window, the largest first, without idle time. */
export function selfTimes({ startTime, nodes, samples, timeDeltas }: CpuProfile, { from, to }: Window): SelfTime[] {
  const labels = new Map(nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]))
  const times = new Map<string, { name: string; place: string; time: number }>()
  let time = startTime
  samples.forEach((id, index) => {
    time += timeDeltas[index]!
    if (time < from || time >= to) return
    const { name, place } = labels.get(id)!
    if (name === '(idle)' || name === '(root)') return
    const key = `${name} ${place}`
    const entry = times.get(key) ?? { name, place, time: 0 }
    // A sample covers the time until the next one.
    entry.time += timeDeltas[index + 1] ?? 0
    times.set(key, entry)
  })
  return [...times.values()].sort((one, other) => other.time - one.time)
}

function labelOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): { name: string; place: string } {
  const file = url.startsWith('file:')
    ? fileURLToPath(url)
        .replaceAll(sep, '/')
        .replace(/^.*\/(?=(?:src|bench|node_modules)\/)/, '')
    : url
  const place = file === '' ? '' : `${file}:${lineNumber + 1}`
  return { name: functionName || '(anonymous)', place }
}

/** The owner of the code: a folder of src/, Node's JavaScript, or native code. */
export function ownerOf({ name, place }: SelfTime): string {
  if (name === '(garbage collector)') return 'garbage collection'
  if (name === '(program)') return 'native, outside of JavaScript'
  if (place === '') return 'native, called from JavaScript (system calls and V8)'
  if (place.startsWith('node:')) return "Node's own JavaScript"
  const [, room] = /^(src\/[^/:]+)/.exec(place) ?? []
  return room ?? 'other modules'
}

/**
 * The functions as a table with their time per request.
 *
 * @param cpu µs of CPU per request, as reported by the system
 */
export function formatProfile(
  times: readonly SelfTime[],
  requests: number,
  cpu: number | undefined,
  rows = 40,
): string {
  const owners = Map.groupBy(times, ownerOf)
  const byOwner = [...owners].map(([text, functions]) => ({ text, time: total(functions) }))
  const all = total(times)
  const line = ({ text, time }: { text: string; time: number }) =>
    `${(time / requests).toFixed(2).padStart(8)} µs${((100 * time) / all).toFixed(1).padStart(7)} %  ${text}`
  return [
    'Each request, by whose code it is:',
    ...byOwner.sort((one, other) => other.time - one.time).map(line),
    ...(cpu === undefined ? [] : [remainder(cpu - all / requests)]),
    '',
    `Each request, by function, its callees not counted (the first ${Math.min(rows, times.length)} of ${times.length}):`,
    ...times.slice(0, rows).map(({ name, place, time }) => line({ text: `${name}  ${place}`, time })),
  ].join('\n')
}

/** The CPU time that V8 does not see: it counts libuv's waiting and reading as idle. @param rest µs per request */
function remainder(rest: number): string {
  if (rest < 0)
    return '(More than the CPU that was used, as V8 goes by the clock: others used the core too. Trust the shares.)'
  return `${rest.toFixed(2).padStart(8)} µs           unseen by V8: reading, polling, other threads`
}

function total(times: readonly SelfTime[]): number {
  return times.reduce((sum, { time }) => sum + time, 0)
}
