/** The command line. Each command has its own file, which is loaded only when it is used. */
import { Command } from 'commander'
import { errorText } from './commands/error-text.ts'
import { description, version } from './version.ts'

const commands = new Map<string, () => Promise<Command>>([
  ['run', async () => (await import('./commands/run.ts')).runCommand()],
  ['check', async () => (await import('./commands/check.ts')).checkCommand()],
  ['demo', async () => (await import('./commands/demo.ts')).demoCommand()],
  ['export', async () => (await import('./commands/export.ts')).exportCommand()],
  ['healthcheck', async () => (await import('./commands/healthcheck.ts')).healthcheckCommand()],
  ['simulate', async () => (await import('./commands/simulate.ts')).simulateCommand()],
  ['status', async () => (await import('./commands/status.ts')).statusCommand()],
])

/** The command that the first argument names; all commands if it names none, for help and for suggestions. */
function commandsFor([first = '']: readonly string[]): Promise<Command[]> {
  const load = commands.get(first)
  return Promise.all(load === undefined ? Array.from(commands.values(), (each) => each()) : [load()])
}

try {
  const program = new Command('limpet')
    .description(description)
    .version(version)
    .showHelpAfterError('(run limpet --help for the commands and their options)')
  for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(command)
  await program.parseAsync()
} catch (error) {
  console.error(errorText(error))
  process.exit(1)
}
