/** docs/tracing.md names what spans have, and its example is accepted. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { attributesOf } from '../../src/control/tracing/span-attributes.ts'
import type { AttemptSpan, ExchangeSpan } from '../../src/observability/span-record.ts'
import { runLimpet } from '../support/limpet.ts'

const root = new URL('../../', import.meta.url)

/** A span that has everything. */
const common = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentId: 'c'.repeat(16),
  flags: 1,
  state: '',
  startedAt: 0,
  endedAt: 1,
  method: 'BREW',
  path: '/pot.Pots/Brew',
  query: 'a=b',
  protocol: 'HTTP/2.0',
  status: 502,
  failure: 'no-answer',
  isGrpc: true,
  grpcStatus: 14,
  upstream: 'pots',
  server: 'pot-1',
  isSecure: true,
} as const
const exchange: ExchangeSpan = {
  ...common,
  kind: 'exchange',
  authority: 'pots.example',
  clientAddress: '192.0.2.1',
  userAgent: 'test/1',
  route: '/*',
  reason: 'retry',
  standing: 'known',
  queued: 1,
}
const attempt: AttemptSpan = { ...common, kind: 'attempt', address: '10.0.0.1', port: 443, resends: 1 }

test('the attributes in docs/tracing.md are those of spans', () => {
  const page = readFileSync(new URL('docs/tracing.md', root), 'utf8')
  const [, table] = page.split('| Attribute | SERVER | CLIENT |\n')
  const rows = table!.split('\n\n')[0]!.split('\n').slice(1)
  const documented = (column: 1 | 2) =>
    rows.flatMap((row) => {
      const cells = row.split(' |')
      return cells[column]!.trim() === '' ? [] : [...cells[0]!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!)
    })
  assert.deepEqual(documented(1).sort(), Object.keys(attributesOf(exchange)).sort())
  assert.deepEqual(documented(2).sort(), Object.keys(attributesOf(attempt)).sort())
})

test('limpet check accepts examples/tracing/limpet.yaml', async () => {
  const { code, stderr } = await runLimpet([
    'check',
    '-c',
    fileURLToPath(new URL('examples/tracing/limpet.yaml', root)),
  ])
  assert.deepEqual([code, stderr], [0, ''])
})
