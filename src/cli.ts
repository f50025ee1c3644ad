/** The command line. Each command has its own file, which is loaded only when it is used. */
import { Command } from 'commander'
import { errorText } from './commands/error-text.ts'
import { description, version } from './version.ts'

type Load = () => Promise<Command>

/** All commands, under the headings of the help. */
const groups: readonly (readonly [heading: string, commands: readonly (readonly [name: string, load: Load])[]])[] = [
  [
    'Run:',
    [
      ['run', async () => (await import('./commands/run.ts')).runCommand()],
      ['discover', async () => (await import('./commands/discover.ts')).discoverCommand()],
      ['check', async () => (await import('./commands/check.ts')).checkCommand()],
      ['demo', async () => (await import('./commands/demo.ts')).demoCommand()],
      ['export', async () => (await import('./commands/export.ts')).exportCommand()],
    ],
  ],
  [
    'See what happens:',
    [
      ['status', async () => (await import('./commands/status.ts')).statusCommand()],
      ['dashboard', async () => (await import('./commands/dashboard.ts')).dashboardCommand()],
      ['top', async () => (await import('./commands/top.ts')).topCommand()],
      ['events', async () => (await import('./commands/events.ts')).eventsCommand()],
      ['healthcheck', async () => (await import('./commands/healthcheck.ts')).healthcheckCommand()],
    ],
  ],
  [
    'See before you do:',
    [
      ['plan', async () => (await import('./commands/plan.ts')).planCommand()],
      ['explain', async () => (await import('./commands/explain.ts')).explainCommand()],
      ['simulate', async () => (await import('./commands/simulate.ts')).simulateCommand()],
    ],
  ],
  [
    'Change the servers of a running Limpet:',
    [
      ['drain', async () => (await import('./commands/drain.ts')).drainCommand()],
      ['ready', async () => (await import('./commands/ready.ts')).readyCommand()],
      ['maintenance', async () => (await import('./commands/maintenance.ts')).maintenanceCommand()],
      ['add', async () => (await import('./commands/add.ts')).addCommand()],
      ['remove', async () => (await import('./commands/remove.ts')).removeCommand()],
      ['weight', async () => (await import('./commands/weight.ts')).weightCommand()],
      ['rename', async () => (await import('./commands/rename.ts')).renameCommand()],
      ['replace', async () => (await import('./commands/replace.ts')).replaceCommand()],
    ],
  ],
  [
    'Change a running Limpet:',
    [
      ['reload', async () => (await import('./commands/reload.ts')).reloadCommand()],
      ['pause', async () => (await import('./commands/pause.ts')).pauseCommand()],
      ['resume', async () => (await import('./commands/resume.ts')).resumeCommand()],
      ['reset', async () => (await import('./commands/reset.ts')).resetCommand()],
      ['config', async () => (await import('./commands/config.ts')).configCommand()],
      ['ban', async () => (await import('./commands/ban.ts')).banCommand()],
      ['unban', async () => (await import('./commands/unban.ts')).unbanCommand()],
      ['bans', async () => (await import('./commands/bans.ts')).bansCommand()],
      ['upgrade', async () => (await import('./commands/upgrade.ts')).upgradeCommand()],
    ],
  ],
]

/** Adds the command that the first argument names; all commands if it names none, for help and for suggestions. */
async function addCommands(program: Command, [first = '']: readonly string[]): Promise<void> {
  const isKnown = groups.some(([, commands]) => commands.some(([name]) => name === first))
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading)
    const loads = commands.flatMap(([name, load]) => (isKnown && name !== first ? [] : [load()]))
    for (const command of await Promise.all(loads)) program.addCommand(command)
  }
}

/** The exit code of a command line that makes no sense. */
const USAGE_ERROR = 2

function exitWithUsageErrors(command: Command): void {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_ERROR))
  for (const each of command.commands) exitWithUsageErrors(each)
}

/** As for a program that SIGPIPE ends. */
const NOBODY_READS = 141

/** Ends quietly where whoever reads what is printed has seen enough, as `head` has. `limpet run` prints by other ways. */
function endOnceNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(NOBODY_READS)
  })
}

try {
  if (process.argv[2] !== 'run') endOnceNobodyReads()
  const program = new Command('limpet')
    .description(description)
    .version(version)
    .showHelpAfterError('(run limpet --help for the commands and their options)')
  await addCommands(program, process.argv.slice(2))
  exitWithUsageErrors(program)
  await program.parseAsync()
} catch (error) {
  console.error(errorText(error))
  process.exit(1)
}
