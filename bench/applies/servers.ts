/** `node bench/applies/servers.ts`: what one change of one server of many costs the main thread. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Command } from 'commander'
import { pino } from 'pino'
import { parseConfig } from '../../src/config/file.ts'
import type { Config } from '../../src/config/schema.ts'
import { Balancer } from '../../src/control/balancer.ts'
import { whole } from '../options.ts'

type Servers = Config['upstreams'][number]['servers']

/** A kind of change, which the next configuration differs by; everything else in it is the same object. */
type Change = (servers: Servers, nth: number) => Servers

const CHANGES: Readonly<Record<string, Change>> = {
  weight: (servers, nth) => servers.with(nth, { ...servers[nth]!, weight: servers[nth]!.weight + 1 }),
  away: (servers, nth) => servers.with(nth, { ...servers[nth]!, away: true }),
  drain: (servers, nth) => servers.with(nth, { ...servers[nth]!, drain: !servers[nth]!.drain }),
  remove: (servers, nth) => servers.toSpliced(nth, 1),
  add: (servers, nth) => servers.toSpliced(nth, 0, serverLike(servers[nth]!, `new-${performance.now()}`)),
}

await new Command('node bench/applies/servers.ts')
  .description('Applies single changes of one server of many, and prints what each costs the main thread.')
  .option('--servers <number>', 'servers', whole(10, 10_000), 9_900)
  .option('--rounds <number>', 'changes of each kind', whole(1, 1000), 15)
  .option('--affinity <type>', 'cookie, learn, or none', 'cookie')
  .action(run)
  .parseAsync()

async function run({ servers, rounds, affinity }: { servers: number; rounds: number; affinity: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-servers-'))
  const few = configOf(folder, affinity)
  const balancer = await Balancer.start({ file: few, log: pino({ level: 'silent' }) })
  try {
    const model = few.upstreams[0]!.servers[0]!
    const many = Array.from({ length: servers }, (_, index) => serverLike(model, `server-${index}`))
    let config = withServers(few, many)
    print('all', [await cost(() => balancer.apply(config))])
    for (const [kind, [name, change]] of Object.entries(CHANGES).entries()) {
      const costs: number[] = []
      for (let round = 0; round < rounds; round++) {
        const nth = (kind * 1009 + round * 7919) % config.upstreams[0]!.servers.length
        config = withServers(config, change(config.upstreams[0]!.servers, nth))
        costs.push(await cost(() => balancer.apply(config)))
      }
      print(name, costs)
    }
  } finally {
    await balancer.stop()
    rmSync(folder, { recursive: true })
  }
}

function configOf(folder: string, affinity: string): Config {
  return parseConfig(
    JSON.stringify({
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 1,
      stateDirectory: folder,
      accessLog: 'off',
      admin: { socket: join(folder, 'admin.sock') },
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: {
        app: { ...(affinity !== 'none' && { affinity: { type: affinity } }), servers: ['127.0.0.1:9'] },
      },
    }),
    'limpet.json',
    {},
  )
}

function withServers(config: Config, servers: Servers): Config {
  return { ...config, upstreams: config.upstreams.map((upstream) => ({ ...upstream, servers })) }
}

function serverLike(model: Servers[number], name: string): Servers[number] {
  return { ...model, id: name, name }
}

/** The processor time of the main thread, in ms: on a busy machine, it waits longer. */
async function cost(act: () => Promise<unknown>): Promise<number> {
  const before = process.threadCpuUsage()
  await act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

function print(name: string, costs: readonly number[]): void {
  const sorted = costs.toSorted((one, other) => one - other)
  const [median, slowest] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!]
  console.log(`${name.padEnd(8)} median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`)
}
