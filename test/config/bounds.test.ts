/** Shared memory has a fixed size. A configuration beyond a bound is refused with its place, never clamped silently. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { loadConfig } from '../../src/config/load.ts'
import { compile } from '../../src/control/compile.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import {
  LONGEST_DURATION,
  MAX_QUEUED,
  MAX_SERVERS,
  MAX_SESSIONS,
  MAX_UPSTREAMS,
  MAX_WORKERS,
} from '../../src/runtime/bounds.ts'

/** Upstreams u0, u1, … with the given numbers of servers, one key or server per line. */
function fileOf(sizes: readonly number[], rest = ''): string {
  const upstreams = sizes.flatMap((size, upstream) => [
    `  u${upstream}:`,
    '    servers:',
    ...Array.from({ length: size }, (_, server) => `      - "s${server}:80"`),
  ])
  return ['routes: [{ path: "/*", upstream: u0 }]', ...(rest === '' ? [] : [rest]), 'upstreams:', ...upstreams].join(
    '\n',
  )
}

function refusal(text: string): string {
  try {
    parseConfig(text, 'limpet.yaml', {})
  } catch (error) {
    return String(error)
  }
  return 'accepted'
}

const one = (count: number) => Array.from({ length: count }, () => 1)

describe('accepts up to the bound, and refuses the first one beyond it at its line', () => {
  test('of upstreams', () => {
    const { upstreams } = compile(
      parseConfig(fileOf(one(MAX_UPSTREAMS)), 'limpet.yaml', {}),
      1,
      new SlotBook(),
      () => '',
    )
    assert.equal(upstreams.at(-1)!.slot, MAX_UPSTREAMS - 1)
    assert.equal(
      refusal(fileOf(one(MAX_UPSTREAMS + 104))),
      `limpet.yaml:${2 + 3 * MAX_UPSTREAMS + 1}:3: upstreams.u${MAX_UPSTREAMS}: expected at most ${MAX_UPSTREAMS} upstreams, found ${MAX_UPSTREAMS + 104}\n` +
        '1 problem in the configuration',
    )
  })

  test('of servers, across all upstreams', () => {
    const sizes = [MAX_SERVERS - 5, 3, 2]
    const { upstreams } = compile(parseConfig(fileOf(sizes), 'limpet.yaml', {}), 1, new SlotBook(), () => '')
    assert.equal(upstreams.at(-1)!.servers.at(-1)!.slot, MAX_SERVERS - 1)
    assert.equal(
      refusal(fileOf([...sizes, 7])),
      `limpet.yaml:${2 + MAX_SERVERS + 4 * 2 + 1}:9: upstreams.u3.servers[0]: expected at most ${MAX_SERVERS} servers in total, found ${MAX_SERVERS + 7}\n` +
        '1 problem in the configuration',
    )
  })

  test('of workers, in the file, as a flag and as a variable', () => {
    const expected = `expected a whole number from 1 to ${MAX_WORKERS}, found 200`
    assert.equal(refusal(fileOf([1], `workers: ${MAX_WORKERS}`)), 'accepted')
    assert.match(refusal(fileOf([1], 'workers: 200')), new RegExp(`^limpet.yaml:2:10: workers: ${expected}\n`))
    const env = { STATIC_BACKEND: 'a', DYNAMIC_BACKEND: 'b' }
    const cwd = import.meta.dirname
    assert.throws(() => loadConfig({ env, cwd, flags: { workers: 200 } }), new RegExp(`--workers: ${expected}`))
    assert.throws(
      () => loadConfig({ env: { ...env, LIMPET_WORKERS: '200' }, cwd }),
      new RegExp(`LIMPET_WORKERS: ${expected}`),
    )
  })

  test('of queued requests, and of milliseconds', () => {
    const withQueue = (queue: string) => refusal(`${fileOf([1])}\n    queue: ${queue}`)
    assert.equal(withQueue(`{ size: ${MAX_QUEUED}, timeout: ${LONGEST_DURATION}ms }`), 'accepted')
    assert.match(withQueue(`{ size: ${MAX_QUEUED + 1} }`), /limpet.yaml:6:20: .*from 0 to 1000000, found 1000001/)
    assert.match(withQueue(`{ timeout: ${LONGEST_DURATION + 1}ms }`), /limpet.yaml:6:23: .*a duration of at most 24d/)
  })
})

test('compile refuses a configuration with more upstreams or servers than slots', () => {
  const config = parseConfig(fileOf([1]), 'limpet.yaml', {})
  const [upstream] = config.upstreams
  const upstreams = Array.from({ length: MAX_UPSTREAMS + 1 }, (_, index) => ({ ...upstream!, name: `u${index}` }))
  assert.throws(
    () => compile({ ...config, upstreams }, 1, new SlotBook(), () => ''),
    /4097 upstreams, but there is room for 4096/,
  )
  const servers = Array.from({ length: MAX_SERVERS + 1 }, () => upstream!.servers[0]!)
  assert.throws(
    () => compile({ ...config, upstreams: [{ ...upstream!, servers }] }, 1, new SlotBook(), () => ''),
    /16385 servers, but there is room for 16384/,
  )
})

test('the documentation lists every bound', () => {
  const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n## Bounds\n([\s\S]*?)\n## /.exec(docs) ?? []
  for (const most of [MAX_SERVERS, MAX_UPSTREAMS, MAX_WORKERS, MAX_QUEUED, MAX_SESSIONS]) {
    assert.ok(table.includes(` ${most.toLocaleString('en')} `), `${most} is not in the table`)
  }
})
