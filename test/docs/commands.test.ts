/** docs/commands.md agrees with the program. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runLimpet } from '../support/limpet.ts'

test('docs/commands.md lists every command that is about an upstream or a server', async () => {
  const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')
  const { stdout } = await runLimpet(['--help'])
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) \[options\] [<[]upstream/gm)].map(([, name]) => name!)
  assert.ok(commands.length > 8, stdout)
  for (const name of commands) assert.match(page, new RegExp(`^\\|.* \`limpet ${name} UPSTREAM`, 'm'))
})
