import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, get } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Case, Load } from '../case.ts'
import { type Attack, attacks } from '../http2-attacks.ts'
import { browserHeaders } from '../request-headers.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, secureLab } from './lab.ts'

/** Clients that ask now and then, on connections that stay open. */
const CLIENTS = 16
/** Between an answer and the next request, in ms. */
const PAUSE = 5
const SAMPLE_EVERY = 20
/** Between the two attacks, in ms. */
const SETTLE = 500
const ATTACKER = new URL('../http2-attacker.ts', import.meta.url)

const warmUp = wrk({ paths: [IN_TURN], protocol: 'https' })

/** Compares what clients notice, and what the proxy takes, with and without an attack. */
function under({ name }: Attack): Load {
  return {
    probe: warmUp.probe,
    async run(stage) {
      const { port, proxy, seconds } = stage
      const { errors } = await warmUp.run({ ...stage, seconds: Math.max(1, stage.warmUp), warmUp: 0 })
      const other = await stage.another()
      const usual = percentile(await responseTimes(port, seconds), 0.99)
      const beside = await whileAttacked(other, name, () => responseTimes(port, seconds))
      // Its attackers' connections are over.
      await delay(SETTLE)
      const before = proxy?.resident() ?? 0
      let peak = before
      const sampler = setInterval(() => {
        peak = Math.max(peak, proxy?.resident() ?? 0)
      }, SAMPLE_EVERY)
      try {
        const p99 = percentile(await whileAttacked(port, name, () => responseTimes(port, seconds)), 0.99)
        const slowdown = p99 / usual
        const sample = { slowdown, beside: percentile(beside, 0.99) / usual, p99, growth: peak - before, memory: peak }
        return { sample, errors }
      } finally {
        clearInterval(sampler)
      }
    },
  }
}

/** Attacks the proxy on that port while `act` lasts. */
async function whileAttacked<Result>(port: number, name: string, act: () => Promise<Result>): Promise<Result> {
  const attacker = new Worker(ATTACKER, { workerData: { port, name } })
  try {
    await once(attacker, 'online')
    return await act()
  } finally {
    await attacker.terminate()
  }
}

/** The response times of all clients within that time, in µs. */
async function responseTimes(port: number, seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS, rejectUnauthorized: false })
  const deadline = performance.now() + seconds * 1000
  const times: number[] = []
  const client = async () => {
    while (performance.now() < deadline) {
      const startedAt = performance.now()
      const asked = get({ port, host: '127.0.0.1', path: IN_TURN, headers: browserHeaders, agent })
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      await once(response.resume(), 'end')
      if (response.statusCode !== 200) throw new Error(`a client got ${response.statusCode}`)
      times.push((performance.now() - startedAt) * 1000)
      await delay(PAUSE)
    }
  }
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client))
  } finally {
    agent.destroy()
  }
  return times
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * share)]!
}

export const hostileHttp2: Case = {
  name: 'hostile-http2',
  title: 'Attacks by HTTP/2 on 8 connections, beside 16 clients',
  peers: secureLab.peers,
  metrics: ['growth', 'slowdown', 'beside', 'p99', 'memory'],
  variants: attacks.map((attack) => ({ name: attack.name, site: secureLab.site, load: under(attack) })),
  duration: (seconds) => 3 * seconds + 5,
}
