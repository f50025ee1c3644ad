import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SourceReports } from '../../src/control/discovery/source-reports.ts'
import { EventRing } from '../../src/control/event-ring.ts'
import type { Log } from '../../src/observability/log.ts'

function reports() {
  const lines: string[] = []
  const keep = (message: string, { event }: { event: string }) => void lines.push(`${event}: ${message}`)
  const events = new EventRing()
  const all = new SourceReports({ info: keep, warn: keep, error: keep } as unknown as Log, events)
  return { lines, events, all }
}

const place = { upstream: 'app', source: 'file', name: 'file /a.yaml' }

test('a source that fails again and again is reported once, and once more where the reason is another', () => {
  const { lines, events, all } = reports()
  const report = all.add(place)
  assert.equal(report.summary.state, 'waiting')
  report.failed('no such file')
  report.failed('no such file')
  const { state, since, error, lastSuccess } = report.summary
  assert.deepEqual([state, error, lastSuccess], ['failing', 'no such file', undefined])
  report.failed('no\nlist')
  assert.equal(report.summary.since, since)
  report.found(2, [])
  report.failed('no such file')
  assert.deepEqual(lines, [
    'source-failing: file /a.yaml fails: no such file',
    'source-failing: file /a.yaml fails: no\\nlist',
    'source-recovered: file /a.yaml answers again',
    'source-failing: file /a.yaml fails: no such file; the servers that it found before stay',
  ])
  assert.equal(report.summary.servers, 2)
  assert.deepEqual(
    events.kept.map(({ event }) => event.type === 'source' && event.better),
    [false, false, true, false],
  )
})

test('a mistake is reported once for as long as it is there', () => {
  const { lines, all } = reports()
  const report = all.add(place)
  const mistake = { where: '/a.yaml:3:1', message: 'expected a port', hint: 'write 80' }
  report.found(1, [mistake])
  report.found(2, [mistake])
  report.found(2, [])
  report.found(2, [mistake])
  assert.deepEqual(lines, new Array(2).fill('source-mistake: file /a.yaml: /a.yaml:3:1: expected a port (write 80)'))
})

test('sources that are removed are no longer shown', () => {
  const { all } = reports()
  const [one, other] = [all.add(place), all.add({ ...place, upstream: null })]
  all.remove(one)
  assert.deepEqual(
    all.all.map(({ upstream }) => upstream),
    [other.place.upstream],
  )
})

test('of very many mistakes, the first ones are kept, and the rest are counted', () => {
  const { lines, all } = reports()
  const report = all.add(place)
  const mistakes = Array.from({ length: 10_000 }, (_, index) => ({ where: `line ${index}`, message: 'no server' }))
  report.found(0, mistakes)
  assert.equal(lines.length, 1001)
  assert.deepEqual(report.summary.mistakes.at(-1), {
    where: 'line 1000',
    message: 'there are 9000 more mistakes, from here on',
  })
})
