/** docs/planning.md shows what `limpet explain` prints. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet } from '../support/limpet.ts'

const page = readFileSync(new URL('../../docs/planning.md', import.meta.url), 'utf8')
const section = page.slice(page.indexOf('### What filters do'))
const [, config] = /```yaml\n([\s\S]*?)```/.exec(section)!
const examples = [...section.matchAll(/```\n\$ limpet (explain .*)\n([\s\S]*?)\n```/g)]

/** The words of a command line, in which quotes hold words together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
}

describe('docs/planning.md shows what filters do', () => {
  assert.equal(examples.length, 2)
  for (const [, line, expected] of examples) {
    test(line!, async (t) => {
      const folder = await temporaryFolder(t)
      const users = join(folder, 'users')
      await writeFile(users, 'alice:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.\n')
      const file = join(folder, 'limpet.yaml')
      await writeFile(file, config!.replace('/etc/limpet/users', users))
      const { code, stdout, stderr } = await runLimpet([...wordsOf(line!), '--file', file])
      assert.equal(code, 0, stderr)
      assert.equal(stdout, expected)
    })
  }
})
