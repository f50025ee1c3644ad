/** One change of one server of thousands: the others are not looked into, however many there are. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import type { Config } from '../../src/config/schema.ts'
import { compile } from '../../src/control/compile.ts'
import { differenceInWords } from '../../src/control/desired/difference-in-words.ts'
import { NO_ADDRESSES } from '../../src/control/names/host-addresses.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { NO_MATERIAL } from '../../src/control/tls/tls-material.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import { difference, patched } from '../../src/runtime/snapshot-patch.ts'

const MANY = 1000

const FILE = `
listeners: [{ address: 127.0.0.1, port: 0 }]
routes: [{ path: /*, upstream: app }]
upstreams: { app: { servers: [${Array.from({ length: MANY }, (_, index) => `{ name: s-${index}, address: "127.0.0.1:${index + 1}" }`).join(', ')}] } }
`

type Servers = Config['upstreams'][number]['servers']

function withServers(config: Config, edit: (servers: Servers) => Servers): Config {
  return { ...config, upstreams: config.upstreams.map((each) => ({ ...each, servers: edit(each.servers) })) }
}

/** The same objects, which count how often one of their fields is read. */
function counting<Item extends object>(
  items: readonly Item[],
): { readonly items: Item[]; readonly reads: () => number } {
  let reads = 0
  const handler: ProxyHandler<Item> = {
    get(item, key) {
      reads++
      return Reflect.get(item, key)
    },
  }
  return { items: items.map((item) => new Proxy(item, handler)), reads: () => reads }
}

const another = (servers: Servers): Servers[number] => ({ ...servers[0]!, id: 'new', name: 'new' })

const CHANGES: Readonly<Record<string, readonly [(servers: Servers) => Servers, change: string]>> = {
  weight: [(all) => all.with(500, { ...all[500]!, weight: 7 }), 'upstream app: server s-500: weight 1 → 7'],
  drain: [(all) => all.with(0, { ...all[0]!, drain: true }), 'upstream app: server s-0: ready → drain'],
  away: [(all) => all.with(999, { ...all[999]!, away: true }), 'upstream app: server s-999: ready → away'],
  added: [(all) => all.toSpliced(300, 0, another(all)), 'upstream app: server new added'],
  removed: [(all) => all.toSpliced(300, 1), 'upstream app: server s-300 removed'],
}

for (const [name, [edit, change]] of Object.entries(CHANGES)) {
  describe(`${name}, of ${MANY} servers`, () => {
    const file = parseConfig(FILE, 'limpet.yaml', {})

    test('the difference is found without a look into the others', () => {
      const { items, reads } = counting(file.upstreams[0]!.servers)
      const before = withServers(file, () => items)
      const next = withServers(before, edit)
      const readsBefore = reads()
      assert.deepEqual(differenceInWords(before, next), [change])
      assert.ok(reads() - readsBefore < 100, `${reads() - readsBefore} fields of servers were read`)
    })

    test('the others are not compiled again, and not compared', () => {
      const slots = new SlotBook()
      const first = compile(file, 1, slots, () => '')
      const { items, reads } = counting(first.upstreams[0]!.servers)
      const snapshot: Snapshot = { ...first, upstreams: [{ ...first.upstreams[0]!, servers: items }] }
      slots.adopt(snapshot)
      const before = { config: file, snapshot, hosts: NO_ADDRESSES }
      const readsBefore = reads()
      const config = withServers(file, edit)
      const next = compile(config, 2, slots, () => '', NO_MATERIAL, NO_ADDRESSES, before)
      const result = patched(snapshot, difference(snapshot, next))
      slots.adopt(result)
      assert.ok(reads() - readsBefore < 100, `${reads() - readsBefore} fields of servers were read`)
      assert.deepEqual(
        result.upstreams[0]!.servers.map(({ id }) => id),
        config.upstreams[0]!.servers.map(({ id }) => id),
      )
      const known = new Set(items)
      assert.ok(result.upstreams[0]!.servers.filter((server) => !known.has(server)).length <= 1)
      assert.deepEqual(
        slots.retiredServers().map(({ id }) => id),
        name === 'removed' ? ['s-300'] : [],
      )
    })
  })
}
