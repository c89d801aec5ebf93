// SPDX-License-Identifier: MIT
/* A PWM chip without hardware, for Linux 6.1: its channels take what the kernel's PWM core lets through, and keep it.
 * Channel 3 is in use by the kernel, as a Raspberry Pi 5's fan is. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pwm.h>

static struct platform_device *device;
static struct pwm_device *fan;

static int pwm_sim_apply(struct pwm_chip *chip, struct pwm_device *pwm, const struct pwm_state *state)
{
	return 0;
}

static const struct pwm_ops pwm_sim_ops = {
	.apply = pwm_sim_apply,
	.owner = THIS_MODULE,
};

static struct pwm_chip chip = {
	.ops = &pwm_sim_ops,
	.npwm = 4,
};

static int __init pwm_sim_init(void)
{
	int error;

	device = platform_device_register_simple("1f00098000.pwm", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	chip.dev = &device->dev;
	error = pwmchip_add(&chip);
	if (error) {
		platform_device_unregister(device);
		return error;
	}
	fan = pwm_request_from_chip(&chip, 3, "cooling_fan");
	return PTR_ERR_OR_ZERO(fan);
}
module_init(pwm_sim_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A PWM chip without hardware");
