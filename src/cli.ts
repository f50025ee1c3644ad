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
  ['plan', async () => (await import('./commands/plan.ts')).planCommand()],
  ['explain', async () => (await import('./commands/explain.ts')).explainCommand()],
  ['simulate', async () => (await import('./commands/simulate.ts')).simulateCommand()],
  ['status', async () => (await import('./commands/status.ts')).statusCommand()],
  ['reload', async () => (await import('./commands/reload.ts')).reloadCommand()],
  ['drain', async () => (await import('./commands/drain.ts')).drainCommand()],
  ['ready', async () => (await import('./commands/ready.ts')).readyCommand()],
  ['maintenance', async () => (await import('./commands/maintenance.ts')).maintenanceCommand()],
  ['add', async () => (await import('./commands/add.ts')).addCommand()],
  ['remove', async () => (await import('./commands/remove.ts')).removeCommand()],
  ['weight', async () => (await import('./commands/weight.ts')).weightCommand()],
  ['rename', async () => (await import('./commands/rename.ts')).renameCommand()],
  ['replace', async () => (await import('./commands/replace.ts')).replaceCommand()],
  ['reset', async () => (await import('./commands/reset.ts')).resetCommand()],
  ['pause', async () => (await import('./commands/pause.ts')).pauseCommand()],
  ['resume', async () => (await import('./commands/resume.ts')).resumeCommand()],
  ['events', async () => (await import('./commands/events.ts')).eventsCommand()],
  ['upgrade', async () => (await import('./commands/upgrade.ts')).upgradeCommand()],
  ['config', async () => (await import('./commands/config.ts')).configCommand()],
])

/** The command that the first argument names; all commands if it names none, for help and for suggestions. */
function commandsFor([first = '']: readonly string[]): Promise<Command[]> {
  const load = commands.get(first)
  return Promise.all(load === undefined ? Array.from(commands.values(), (each) => each()) : [load()])
}

/** The exit code of a command line that makes no sense. */
const USAGE_ERROR = 2

function exitWithUsageErrors(command: Command): void {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_ERROR))
  for (const each of command.commands) exitWithUsageErrors(each)
}

try {
  const program = new Command('limpet')
    .description(description)
    .version(version)
    .showHelpAfterError('(run limpet --help for the commands and their options)')
  for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(command)
  exitWithUsageErrors(program)
  await program.parseAsync()
} catch (error) {
  console.error(errorText(error))
  process.exit(1)
}
