import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ProcessTree } from '../../bench/process-tree.ts'
import { versionOf } from '../../bench/program.ts'
import type { Results } from '../../bench/results.ts'

const bench = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))
const missing: string[] = []
for (const program of ['wrk', 'nginx']) if ((await versionOf(program, ['-v'])) === undefined) missing.push(program)
const skip = missing.length > 0 && `${missing.join(' and ')} not installed`

test('one short round writes results, a report and a chart', { skip }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-bench-test-'))
  context.after(() => rm(folder, { recursive: true }))
  const flags = [
    '--case',
    'small',
    '--peer',
    'limpet,nginx',
    '--rounds',
    '1',
    '--seconds',
    '1',
    '--warm-up',
    '0',
    '--output',
    folder,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [bench, ...flags])
  assert.match(stdout, /\| \*\*Limpet\*\* \|/)

  const { machine, cases } = JSON.parse(await readFile(join(folder, 'latest.json'), 'utf8')) as Results
  assert.equal(machine.node, process.version)
  const { small } = cases
  assert.equal(small?.rounds, 1)
  assert.deepEqual(
    small?.entries.map(({ peer, variant, errors }) => ({ peer, variant, errors })),
    ['limpet', 'nginx'].map((peer) => ({ peer, variant: '', errors: [] })),
  )
  const metrics = ['requests', 'p50', 'p99', ...(ProcessTree.available ? (['cpu', 'memory'] as const) : [])] as const
  for (const { samples } of small?.entries ?? []) {
    assert.equal(samples.length, 1)
    for (const metric of metrics) assert.ok(samples[0]![metric]! > 0, metric)
  }
  assert.match(await readFile(join(folder, 'README.md'), 'utf8'), /^\| small keep-alive: CPU a request \|/m)
  assert.match(await readFile(join(folder, 'summary.md'), 'utf8'), /^\| nginx \|/m)
  assert.match(await readFile(join(folder, 'small.svg'), 'utf8'), /^<svg .*<\/svg>\n$/s)
})

test('measures the time from a start to the first answer, and the memory at rest', { skip }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-bench-test-'))
  context.after(() => rm(folder, { recursive: true }))
  const flags = ['--case', 'start', '--peer', 'limpet,nginx', '--rounds', '1', '--output', folder]
  await promisify(execFile)(process.execPath, [bench, ...flags])

  const { cases } = JSON.parse(await readFile(join(folder, 'latest.json'), 'utf8')) as Results
  const entries = cases.start?.entries ?? []
  assert.deepEqual(
    entries.map(({ peer, errors }) => ({ peer, errors })),
    ['limpet', 'nginx'].map((peer) => ({ peer, errors: [] })),
  )
  const metrics = ['start', ...(ProcessTree.available ? (['anonymous', 'memory'] as const) : [])] as const
  for (const { samples } of entries) for (const metric of metrics) assert.ok(samples[0]![metric]! > 0, metric)
})

test('an unknown case is refused by name', async () => {
  await assert.rejects(
    promisify(execFile)(process.execPath, [bench, '--case', 'smal']),
    /There is no smal, but small, /,
  )
})
