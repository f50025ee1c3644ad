/** A process that saves one change after the other until it is killed; says each number once that is saved. */
import { ChangesFile } from '../../src/control/desired/changes-file.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'

const [path = '', from = '0'] = process.argv.slice(2)
const file = new ChangesFile(new StateDirectory(path, {}, console.error), 'killed')
file.read()
for (let number = Number(from); ; number++) {
  // Of a size that takes more than one write of the file system.
  const servers = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [
      `web-${index}`,
      { settings: { weight: number }, by: 'a test', at: number },
    ]),
  )
  await file.write({ upstreams: { app: { servers } } })
  process.stdout.write(`${number}\n`)
}
