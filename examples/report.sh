#!/bin/sh
# What a job knows of its machine, as a file for --output.
{
  echo "job:        $JOB_ID ($JOB_NAME)"
  echo "kernel:     $(uname -sr)"
  echo "cores:      $(nproc)"
  echo "processes:  $(ls -d /proc/[0-9]* | wc -l)"
  echo "interfaces: $(sed -n 's/:.*//p' /proc/net/dev | tr -d ' ' | tr '\n' ' ')"
} > report.txt
