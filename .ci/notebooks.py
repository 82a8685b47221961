# How `make notebooks` runs them: outputs are saved in place, and nothing that differs from run to run.
c = get_config()  # noqa: F821
c.NbConvertApp.export_format = "notebook"
c.NbConvertApp.use_output_suffix = False
c.FilesWriter.build_directory = ""
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.kernel_name = "python3"
c.ExecutePreprocessor.record_timing = False
c.ExecutePreprocessor.store_widget_state = False
c.CoalesceStreamsPreprocessor.enabled = True
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {"kernelspec", ("language_info", "name")}
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"tags"}


def picture_alone(notebook, resources):
    """Of a view keep the picture: whoever opens the notebook later has no kernel that knows the controls."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return notebook, resources


# What a cell prints is one output, in however many messages it came.
c.Exporter.preprocessors = [picture_alone, "nbconvert.preprocessors.CoalesceStreamsPreprocessor"]
