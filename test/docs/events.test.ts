/** docs/events.md, and what the program's log and the admin API have. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventsPage } from '../../scripts/events-page.ts'
import { logChapters } from '../../src/observability/log-events.ts'

const root = new URL('../..', import.meta.url)
const names = Object.values(logChapters).flatMap(({ events }) => Object.keys(events))

test('the page lists every event, and no other', () => {
  const page = readFileSync(new URL('docs/events.md', root), 'utf8')
  assert.equal(page, eventsPage(), 'run npm run events')
  const listed = [...page.matchAll(/^\| `([\w-]+)` \| (?:info|warn|error) \|/gm)].map(([, name]) => name)
  assert.deepEqual(listed, names)
})

test('no name is used for two events', () => {
  assert.equal(new Set(names).size, names.length)
})

test('every event is logged somewhere in the program, and only events are', () => {
  const sources = globSync('src/**/*.ts', { cwd: root }).filter((path) => !path.includes('observability/log-events'))
  const code = sources.map((path) => readFileSync(new URL(path, root), 'utf8')).join('\n')
  const logged = new Set([...code.matchAll(/\bevent: '([\w-]+)'/g)].map(([, name]) => name!))
  assert.deepEqual([...logged].sort(), [...names].sort())
})

test('every warning and error says what to do, except that something is over', () => {
  const silent = Object.values(logChapters).flatMap(({ events }) =>
    Object.entries(events).flatMap(([name, { level, action }]) => (level !== 'info' && action === '' ? name : [])),
  )
  assert.deepEqual(silent, ['acme-account-replaced', 'output-restored', 'output-ended'])
})
