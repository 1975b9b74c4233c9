// Prints the manual page gfe_hpc.1. A separate program, without MPI, so that it runs wherever the
// build does, including the login node of a cluster. Options and parameters come from the tables
// that the program itself reads.
//
// The page is made of macros of man(7), and is plain ASCII.
#include <stdio.h>
#include <string.h>

#include "app/cli.h"
#include "ground/error.h"
#include "input/config_write.h"

// Prints text that roff is to show unchanged.
static void print_escaped(const char *text) {
  static const char special[] = "\\-'`^~", *const escaped[] = {"\\e",   "\\-",   "\\(aq",
                                                               "\\(ga", "\\(ha", "\\(ti"};
  for (; *text != '\0'; text++) {
    const char *found = strchr(special, *text);
    if (found != NULL)
      fputs(escaped[found - special], stdout);
    else
      putchar(*text);
  }
}

// A line of running text (a line that begins with a dot would be a request).
static void print_line(const char *text) {
  fputs("\\&", stdout);
  print_escaped(text);
  putchar('\n');
}

// A tagged paragraph: its tag is `name` in bold and, unless NULL, `argument` in italics.
static void print_tagged(const char *name, const char *argument, const char *text) {
  fputs(".TP\n\\fB", stdout);
  print_escaped(name);
  fputs("\\fR", stdout);
  if (argument != NULL) {
    fputs(" \\fI", stdout);
    print_escaped(argument);
    fputs("\\fR", stdout);
  }
  putchar('\n');
  print_line(text);
}

// ---- options and parameters, from their tables ----

static void print_options(void) {
  puts(".SH OPTIONS");
  for (size_t k = 0; k < CLI_OPTION_COUNT; k++)
    print_tagged(cli_options[k].name, cli_options[k].argument, cli_options[k].text);
}

static void print_parameter(size_t index) {
  char text[CONFIG_EXPLANATION];
  const struct config_parameter parameter = config_parameter(index);
  config_explain(index, text);
  const char *otherwise = config_parameter_otherwise(&parameter);
  print_tagged(parameter.key, NULL, text);
  if (otherwise != NULL) {
    puts(".br");
    fputs("Default: ", stdout);
    print_line(otherwise);
  }
}

static void print_layer_keys(void) {
  puts(".SS Keys of a layer");
  puts("An entry of decoder.layers or encoder.layers.");
  for (size_t r = 0; r < config_layer_row_count; r++) {
    char text[CONFIG_EXPLANATION];
    config_explain_layer_key(r, text);
    print_tagged(config_layer_rows[r].key, NULL, text);
  }
}

static void print_parameters(void) {
  puts(
      ".SH PARAMETERS\n"
      "The input file is YAML; training.batch is the key \\fBbatch\\fR of the section\n"
      "\\fBtraining\\fR. The purpose of a parameter is followed, in parentheses, by the values\n"
      "that it accepts and their unit. A parameter without a default is not set unless the input\n"
      "sets it.");
  const struct config_section *last = NULL;
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_section *section = config_parameter(i).section;
    if (section != last && section->text != NULL) {
      fputs(".SS ", stdout);
      print_escaped(section->name);
      puts("");
      print_line(section->text);
    }
    last = section;
    print_parameter(i);
  }
  print_layer_keys();
  puts(
      ".SS sweep\n"
      "Many runs from one input: lists of values for any keys, combined with \\fBgrid\\fR (every\n"
      "combination), \\fBzip\\fR (side by side), \\fBlist\\fR (as written) or \\fBrandom\\fR.\n"
      "Each run is a task with its own directory; see \\fB\\-\\-tasks\\fR and \\fB\\-\\-task\\fR.");
}

// ---- what is not in any table ----

static void print_head(void) {
  puts(
      ".TH GFE_HPC 1 \"\" \"gfe_hpc " GFE_VERSION
      "\" \"User commands\"\n"
      ".SH NAME\n"
      "gfe_hpc, gfe_hpc_double \\- learn a compact representation of scientific data\n"
      "without training an encoder\n"
      ".SH SYNOPSIS\n"
      ".B mpirun \\-n\n"
      ".I ranks\n"
      ".B gfe_hpc\n"
      ".RI [ options ]\n"
      ".I input.yaml\n"
      ".br\n"
      ".B gfe_hpc \\-\\-parameters\n"
      "|\n"
      ".B \\-\\-version\n"
      "|\n"
      ".B \\-\\-help\n"
      ".SH DESCRIPTION\n"
      "A neural network, the decoder, turns a few numbers, the latent, into a sample: an image, a\n"
      "field, a spectrum. \\fBgfe_hpc\\fR trains the decoder and finds the latent of each sample\n"
      "by following a gradient flow to the point where the decoder reconstructs the sample best\n"
      "(gradient flow encoding). Results do not depend on the number of ranks, on restarts, or on\n"
      "the instruction set of the CPU: they are the same bit for bit.\n"
      ".PP\n"
      "The same command starts a run and resumes it after any interruption. The program stops\n"
      "cleanly before its time limit (run.walltime or Slurm's, whichever comes first), on the\n"
      "signals USR1, USR2, TERM and XCPU, and when it finds a file \\fISTOP\\fR in the run "
      "directory.\n"
      ".PP\n"
      "\\fBgfe_hpc\\fR computes in single precision, \\fBgfe_hpc_double\\fR in double precision.\n"
      "Without \\fBmpirun\\fR the program runs on one rank.");
}

static void print_files(void) {
  puts(
      ".SH FILES\n"
      "In the run directory, \\fBrun.directory\\fR:");
  static const char *const files[][2] = {
      {"results.h5",
       "HDF5: latents, losses, errors and reconstructions of each set, the training history, the "
       "decoder"},
      {"history.csv", "training losses, written while the run progresses"},
      {"summary.json", "the main figures of the run, and why it ended (exit_reason)"},
      {"used_parameters.yaml", "every value of the run, exactly: an input file for the same run"},
      {"checkpoint.h5, checkpoint.h5.prev",
       "the state from which an interrupted run is resumed, and the one before it; damage to any "
       "byte is detected"},
      {"STOP", "created by the user: stop cleanly, and do not start again while it exists"},
      {"run.lock", "locked while a job is working in the directory"},
      {"sweep.json, task_N_HASH/",
       "for a sweep: its tasks, and the run directory of each (N: its number; HASH: of its input)"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    print_tagged(files[i][0], NULL, files[i][1]);
  puts(
      ".PP\n"
      "Example inputs, job scripts for Slurm and the Python package \\fBgfe\\fR, which reads\n"
      "and plots results, are installed in \\fIshare/gfe_hpc\\fR.");
}

static void print_environment(void) {
  puts(".SH ENVIRONMENT");
  static const char *const variables[][2] = {
      {"GFE_ISA",
       "instruction set to use, plain, avx2, avx512 or neon, instead of the fastest that the CPU "
       "has; results do not depend on it"},
      {"GFE_UPDATE",
       "whole or shared: every rank updates all parameters of the decoder, or only its share of "
       "them; by default, what suits their numbers; results do not depend on it"},
      {"SLURM_ARRAY_TASK_ID", "the task of a sweep to run, unless --task names one"},
      {"SLURM_JOB_END_TIME",
       "end of the job, in seconds since 1970, before which the program stops cleanly"},
      {"HDF5_EXTFILE_PREFIX, HDF5_VDS_PREFIX",
       "where HDF5 looks for external files and for the sources of virtual datasets"},
      {"HOME, and any other variable", "expanded in paths of the input file: ~, $VAR, ${VAR}"},
  };
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    print_tagged(variables[i][0], NULL, variables[i][1]);
}

static void print_exit_status(void) {
  puts(".SH EXIT STATUS");
  static const struct {
    enum exit_code code;
    const char *meaning;
  } codes[] = {
      {EXIT_CODE_DONE, "done"},
      {EXIT_CODE_USER,
       "a mistake in the input, reported before any work is done, or another job is using the run "
       "directory"},
      {EXIT_CODE_ENVIRONMENT, "a system failure: disk, memory, MPI"},
      {EXIT_CODE_NUMERICAL, "training diverged, or a gradient check failed"},
      {EXIT_CODE_RESUBMIT, "stopped cleanly: the same command resumes the run"},
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", (int)codes[i].code);
    print_tagged(number, NULL, codes[i].meaning);
  }
}

static void print_examples(void) {
  puts(".SH EXAMPLES");
  static const char *const examples[][2] = {
      {"Read everything and print shapes, memory and the resolved input, without training "
       "anything:",
       "gfe_hpc --check input.yaml"},
      {"Train on four ranks, with more passes than the input specifies:",
       "mpirun -n 4 gfe_hpc --set training.epochs=20 input.yaml"},
      {"Print every parameter with its default, as a template for an input file:",
       "gfe_hpc --parameters > input.yaml"},
      {"List the tasks of a sweep, and run one of them:",
       "gfe_hpc --tasks sweep.yaml\nmpirun -n 4 gfe_hpc --task 3 sweep.yaml"},
      {"Plots and errors of a run:", "gfe-plot runs/mine\ngfe-compare runs/mine"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    if (i > 0) puts(".PP");
    print_line(examples[i][0]);
    fputs(".PP\n.nf\n.RS\n", stdout);
    print_line(examples[i][1]);
    puts(".RE\n.fi");
  }
  puts(
      ".SH SEE ALSO\n"
      ".BR mpirun (1),\n"
      ".BR sbatch (1),\n"
      ".BR h5dump (1)\n"
      ".PP\n"
      "Flouris, Volokitin, Bredell, Konukoglu: gradient flow encoding, arXiv 2412.00864.");
}

int main(void) {
  print_head();
  print_options();
  print_parameters();
  print_files();
  print_environment();
  print_exit_status();
  print_examples();
  return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_CODE_DONE : EXIT_CODE_ENVIRONMENT;
}
