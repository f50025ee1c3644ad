/** docs/metrics.md has every metric, and no other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { catalogue } from '../../src/control/metrics/catalogue.ts'

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

test('the tables have every metric with its type and its labels, and no other', () => {
  const rows = page.matchAll(/^\| `(\w+)` \| (\w+) \|(.*?)\|/gm)
  const documented = Array.from(
    rows,
    ([, name, type, labels]) => `${name} ${type} ${labels!.replaceAll('`', '').trim()}`,
  )
  const present = catalogue.map(({ name, type, labels }) => `${name} ${type} ${labels.join(', ')}`)
  assert.deepEqual(documented.toSorted(), present.toSorted())
})
