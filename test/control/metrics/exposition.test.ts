/** The text that Prometheus reads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFor } from '../../../src/admin/metrics.ts'
import { catalogue } from '../../../src/control/metrics/catalogue.ts'
import { exposition, labelled, type Metric, sample } from '../../../src/control/metrics/exposition.ts'
import { Scrape } from '../../support/scrape.ts'
import { missing, run } from '../../support/tool.ts'

const counter: Metric<readonly string[]> = {
  name: 'things_total',
  type: 'counter',
  help: 'Things, with a \\ in them.',
  labels: ['thing'],
  *samples(things, name) {
    for (const thing of things) yield sample(name, labelled({ thing }), 1)
  },
}

async function textOf(things: readonly string[], format: 'prometheus' | 'openmetrics'): Promise<string> {
  return Buffer.concat(await exposition([counter], things, format)).toString()
}

test('as Prometheus defines it', async () => {
  const expected =
    '# HELP things_total Things, with a \\\\ in them.\n# TYPE things_total counter\nthings_total{thing="one"} 1\n'
  assert.equal(await textOf(['one'], 'prometheus'), expected)
})

test('as OpenMetrics defines it: the name of a counter is without _total, and the end is marked', async () => {
  const expected =
    '# HELP things Things, with a \\\\ in them.\n# TYPE things counter\nthings_total{thing="one"} 1\n# EOF\n'
  assert.equal(await textOf(['one'], 'openmetrics'), expected)
})

test('labels are escaped, so that nothing in them ends a label or a line', {
  skip: missing('promtool', 'prometheus'),
}, async () => {
  const things = ['"', '\\', '\n', '\\n', '"} 5\nforged_total 7', 'é ☃', 'a{b="c"}', '\r']
  const text = await textOf(things, 'prometheus')
  assert.deepEqual(
    new Scrape(text).samples.map(({ labels }) => labels.thing),
    things,
  )
  assert.deepEqual(await run('promtool', ['check', 'metrics'], text), { stdout: '', stderr: '', code: 0 })
})

test('a long text is made in pieces', async () => {
  const things = Array.from({ length: 20_000 }, (_, index) => `thing ${index}`)
  const pieces = await exposition([counter], things, 'prometheus')
  assert.ok(pieces.length > 5)
  assert.equal(new Scrape(Buffer.concat(pieces).toString()).samples.length, things.length)
})

test('other work goes on while a long text is made', async () => {
  const things = Array.from({ length: 200_000 }, (_, index) => `thing ${index}`)
  let turns = 0
  const turn = () => {
    turns++
    next = setImmediate(turn)
  }
  let next = setImmediate(turn)
  await exposition([counter], things, 'prometheus')
  clearImmediate(next)
  assert.ok(turns > 5, `${turns} turns of the event loop`)
})

for (const [accept, format] of [
  [undefined, 'prometheus'],
  ['', 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/plain', 'prometheus'],
  ['application/openmetrics-text', 'openmetrics'],
  // Prometheus 2.42, and 3.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openmetrics',
  ],
  ['Application/OpenMetrics-Text; Version=1.0.0', 'openmetrics'],
  ['text/plain, application/openmetrics-text;q=0.9', 'prometheus'],
  ['application/openmetrics-text;q=0', 'prometheus'],
  ['application/openmetrics-text;q=nonsense', 'prometheus'],
] as const)
  test(`Accept: ${accept} asks for ${format}`, () => assert.equal(formatFor(accept), format))

test('the names and the labels of metrics are those of Prometheus, and each name is used once', () => {
  const names = catalogue.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { name, type, labels, help } of catalogue) {
    assert.match(name, /^(?:limpet|process)_[a-z0-9_]+$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    assert.match(help, /^[A-Z].*\.$/, name)
    for (const label of labels) assert.match(label, /^[a-z]+$/)
  }
})
