import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals'
import type { Sample, Traffic, TrafficHistory } from '../../src/admin/traffic.ts'
import { get } from './api.ts'
import { type Happening, happeningOf, isOutdated, KEPT_EVENTS } from './happening.ts'
import { resourceAt } from './resource.ts'
import { Stream } from './stream.ts'

/** How many samples are kept: ten minutes of seconds, as the API does. */
const KEPT_SAMPLES = 600
/** How often what is not streamed is asked for again, in ms. */
const REFRESH = 5000

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** Limpet shows itself only to those who have signed in. */
  | { readonly state: 'denied' }
  | { readonly state: 'lost'; readonly since: number; readonly why: string | undefined }

export const status = resourceAt('/v1/status')
export const upstreams = resourceAt('/v1/upstreams')
export const me = resourceAt('/v1/me')

const connectionNow = signal<Connection>({ state: 'connecting' })
const trafficNow = signal<Traffic | undefined>(undefined)
const samplesNow = signal<readonly Sample[]>([])
const eventsNow = signal<readonly Happening[]>([])
const wanted = signal<readonly string[]>([])

export const connection: ReadonlySignal<Connection> = connectionNow
/** The last second in detail; undefined until it is known. */
export const traffic: ReadonlySignal<Traffic | undefined> = trafficNow
/** The last ten minutes, oldest first. */
export const samples: ReadonlySignal<readonly Sample[]> = samplesNow
/** What has happened, newest first. */
export const events: ReadonlySignal<readonly Happening[]> = eventsNow

/** Whether buttons that change something may be offered. */
export const canWrite = computed(() => me.data.value?.scope === 'write')

/** Names the upstreams whose servers are wanted in detail; none: all, of which the API gives the first 500 servers. */
export function want(names: readonly string[]): void {
  if (names.join('/') !== wanted.peek().join('/')) wanted.value = names
}

function query(): string {
  const known = upstreams.data.peek()?.upstreams
  // The API refuses those that have been removed.
  const names = wanted.peek().filter((name) => known === undefined || known.some((upstream) => upstream.name === name))
  return names.length === 0 ? '' : `?${names.map((name) => `upstream=${encodeURIComponent(name)}`).join('&')}`
}

const trafficStream = new Stream({
  path: () => `/v1/traffic/stream${query()}`,
  silence: 5000,
  opened: () => void fillSamples(),
  heard({ type, data }) {
    if (type !== 'traffic') return
    const next = JSON.parse(data) as Traffic
    batch(() => {
      connectionNow.value = { state: 'live' }
      trafficNow.value = next
      if (samplesNow.peek().at(-1)?.at !== next.now.at) {
        samplesNow.value = [...samplesNow.peek(), next.now].slice(-KEPT_SAMPLES)
      }
    })
  },
  lost(why) {
    // One that is wanted has been removed since they were listed.
    if (why?.status === 404) return void upstreams.refresh()
    const now = connectionNow.peek()
    const since = now.state === 'lost' ? now.since : Date.now()
    const isDenied = why?.status === 401 || why?.status === 403
    connectionNow.value = isDenied ? { state: 'denied' } : { state: 'lost', since, why: why?.message }
  },
})

const eventStream = new Stream({
  path: () => '/v1/events',
  // All that are kept.
  after: '0',
  // A comment every 15 s says that it is alive.
  silence: 35_000,
  heard(message) {
    // What was before the first of them was never shown.
    if (message.type === 'gap' && eventsNow.peek().length === 0) return
    const happening = happeningOf(message)
    eventsNow.value = [happening, ...eventsNow.peek().filter((past) => !isOutdated(past, happening))].slice(
      0,
      KEPT_EVENTS,
    )
    void upstreams.refresh()
    if (['applied', 'certificate', 'source'].includes(happening.type)) void status.refresh()
  },
})

/** What was missed before the stream was opened, or while it was lost. */
async function fillSamples(): Promise<void> {
  const history: TrafficHistory | undefined = await get('/v1/traffic', query()).catch(() => undefined)
  if (history === undefined) return
  const { samples: past, interval: _, ...present } = history
  batch(() => {
    const newest = past.at(-1)?.at ?? ''
    samplesNow.value = [...past, ...samplesNow.peek().filter(({ at }) => at > newest)].slice(-KEPT_SAMPLES)
    trafficNow.value ??= present
  })
}

function refreshAll(): void {
  for (const resource of [status, upstreams, me]) void resource.refresh()
}

function open(): void {
  refreshAll()
  trafficStream.open()
  eventStream.open()
}

/**
 * Connects, and stays connected while the page can be seen: a browser has six connections to a server, which all of its
 * tabs share.
 */
export function start(): void {
  open()
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) return open()
    trafficStream.close()
    eventStream.close()
  })
  window.addEventListener('online', open)
  setInterval(() => {
    if (!document.hidden && connectionNow.peek().state === 'live') refreshAll()
  }, REFRESH)
  let isFirst = true
  effect(() => {
    wanted.value
    if (!isFirst) trafficStream.open()
    isFirst = false
  })
  let was: Connection['state'] = 'connecting'
  effect(() => {
    const { state } = connectionNow.value
    if (was !== 'live' && state === 'live') refreshAll()
    was = state
  })
}
