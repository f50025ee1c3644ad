import { setTimeout as delay } from 'node:timers/promises'
import type { Case, Load } from '../case.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

/** Time for work after the first response to finish, in ms. */
const REST = 2000

/** A warm start: an earlier start has filled the system's file cache and Node's cache of compiled code. */
const restart: Load = {
  probe: wrk({ paths: [IN_TURN] }).probe,
  async run(stage) {
    const { duration, proxy } = await stage.restart()
    const start = duration * 1000
    if (proxy === undefined) return { sample: { start }, errors: ['memory is measured on Linux only'] }
    await delay(REST)
    const { anonymous, proportional } = proxy.memory()
    return { sample: { start, anonymous, memory: proportional }, errors: [] }
  },
}

export const start: Case = {
  name: 'start',
  title: 'A warm start, and memory at rest',
  peers: ['limpet', 'limpet-built', 'nginx', 'haproxy', 'caddy', 'node-http'],
  metrics: ['start', 'anonymous', 'memory'],
  variants: [{ name: '', site: labSite, load: restart }],
  duration: () => 3,
}
