import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'

/** A test that needs a program of this machine, such as `curl`. Without it, the test is reported as skipped. */
export function testWith(program: string, name: string, body: (test: TestContext) => Promise<void>): void {
  const { error } = spawnSync(program, ['--version'])
  test(name, error === undefined ? {} : { skip: `${program} is not installed (apt-get install ${program})` }, body)
}
