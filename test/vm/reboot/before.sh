# Run before the reboot that reboot/*.test.ts look back on: leaves a job running, in the background.
setsid dist/rnx job run --name=before-reboot sleep 100000 > /tmp/before-reboot.log 2>&1 &
for _ in {1..100}; do
  if dist/rnx --json job status before-reboot 2> /dev/null | grep -q RUNNING; then exit 0; fi
  sleep 0.2
done
cat /tmp/before-reboot.log
exit 1
