/** What all commands have in common: help, and errors of usage. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LIMPET, Lines, runLimpet } from '../support/limpet.ts'

/** The commands that ask a running Limpet, with arguments that are right. */
const verbs: Readonly<Record<string, readonly string[]>> = {
  status: [],
  reload: [],
  drain: ['app/web-1'],
  ready: ['app/web-1'],
  maintenance: ['app/web-1'],
  add: ['app/web-9', '--address', '127.0.0.1:1'],
  remove: ['app/web-1'],
  weight: ['app/web-1', '5'],
  rename: ['app/web-1', 'other'],
  replace: ['app/web-1', '--address', '127.0.0.1:1'],
  reset: ['--all'],
  pause: ['app'],
  resume: ['app'],
  events: [],
  upgrade: [],
  'config export': [],
}

describe('each command that asks a running Limpet', () => {
  for (const [verb, args] of Object.entries(verbs)) {
    test(`${verb} has a help with an example, and says what to do if none runs`, async () => {
      const help = await runLimpet([...verb.split(' '), '--help'])
      assert.equal(help.code, 0)
      assert.match(help.stdout, new RegExp(`\\nExamples?:\\n {2}\\$ .*limpet ${verb}`))
      for (const option of ['--json', '--url', '--socket', '--token-file']) assert.ok(help.stdout.includes(option))
      const { code, stdout, stderr } = await runLimpet([...verb.split(' '), ...args, '--socket', '/nowhere/at/all'])
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /^limpet: no admin API answers at unix:\/nowhere\/at\/all \(ENOENT\): is limpet running/)
    })
  }
})

describe('an error of usage ends with 2, and says what was expected', () => {
  for (const [args, complaint] of [
    [['nonsense'], /unknown command 'nonsense'/],
    [['dran', 'app/web-1'], /Did you mean drain\?/],
    [['drain'], /missing required argument 'upstream\/server'/],
    [['drain', 'app'], /Expected UPSTREAM\/SERVER, such as app\/web-2/],
    [['drain', 'app/web-1', '--deadline', '10'], /a whole number with a unit.*write 10s or 10ms/],
    [['drain', 'app/web-1', '--then', 'drop'], /Allowed choices are move, refuse, keep/],
    [['drain', 'app/web-1', '--wiat'], /Did you mean --wait\?/],
    [['weight', 'app/web-1', '0'], /Expected a whole number from 1 to 65535/],
    [['add', 'app/web-1'], /required option '--address/],
    [['add', 'app/web-1', '--address', 'https://a'], /Expected host:port/],
    [['replace', 'app/web-1'], /required option '--address/],
    [['reset'], /expected either a server or --all/],
    [['reset', 'app/web-1', '--all'], /expected either a server or --all/],
    [['pause', 'app', '--max', '0'], /Expected a duration of more than 0/],
    [['pause', 'app/web-1'], /Expected the name of an upstream/],
    [['status', '--socket', '/a', '--url', 'http://127.0.0.1:1'], /cannot be used with/],
    [['export', 'apache'], /unknown command 'apache'/],
    [['run', '--nonsense'], /unknown option '--nonsense'/],
  ] as const) {
    test(`limpet ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runLimpet(args)
      assert.equal(code, 2, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, complaint)
    })
  }
})

test('a command ends quietly where nobody reads what it prints', async () => {
  const file = fileURLToPath(new URL('../../examples/limpet.yaml', import.meta.url))
  const child = spawn(process.execPath, [LIMPET, 'check', '-c', file])
  child.stdout.destroy()
  const errors = new Lines(child.stderr)
  const [code] = await once(child, 'close')
  assert.deepEqual([code, errors.all], [141, []])
})
